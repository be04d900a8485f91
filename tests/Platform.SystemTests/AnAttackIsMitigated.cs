using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>The main path, from a router's datagram to the customer's incident.</summary>
public sealed class AnAttackIsMitigated(Suite suite)
{
    private static readonly string[] StepsOfADefence =
        ["anomaly-detected", "mitigation-started", "countermeasure-announced", "anomaly-ended", "countermeasure-withdrawn", "mitigation-ended"];

    [Fact]
    [Trait("Requirement", "R1")]
    [Trait("Requirement", "R2")]
    [Trait("Requirement", "R3")]
    [Trait("Requirement", "R12")]
    [Trait("Requirement", "R30")]
    [Trait("Requirement", "R31")]
    public async Task A_flood_is_dropped_at_the_router_and_told_step_by_step()
    {
        using var customer = await suite.ACustomer();

        await customer.SuffersAnAttack(inTheMiddle: () => customer.IsReported(records: 40)); // four seconds: whole ones are among them

        var (incident, steps) = await customer.TheClosedIncident();
        Assert.Equal(customer.ServiceCode, incident.GetProperty("serviceCode").GetString());
        Assert.Equal($"{customer.Victim}/32", incident.GetProperty("target").GetString());
        Assert.Equal("defended", incident.GetProperty("mitigationResult").GetString());
        Assert.Contains("udp", incident.GetProperty("vectors").EnumerateArray().Select(vector => vector.GetString()));
        Assert.InRange(incident.GetProperty("peakBitsPerSecond").GetInt64(), 153_600_000, 1_600_000_000); // from one report of the flood to all of it: the router drops before a second is whole
        Assert.Equal(
            StepsOfADefence,
            steps.Where(step => step is not ("anomaly-changed" or "report-published" or "countermeasure-measured")));
    }

    [Fact]
    public async Task One_trace_runs_from_the_window_over_the_route_to_the_report()
    {
        using var customer = await suite.ACustomer();
        await customer.SuffersAnAttack();
        var id = await customer.TheIncident();

        var window = await suite.TraceOf("detection", "anomaly_detected", id); // ingestion began it, with the window that it published

        Assert.Matches("^[0-9a-f]{32}$", window);
        Assert.Equal(window, await suite.TraceOf("mitigation", "mitigation_started", id));
        Assert.Equal(window, await suite.TraceOf("mitigation", "countermeasure_announced", id));
        Assert.Equal(window, await suite.TraceOf("reporting", "incident_opened", id));
        await Eventually.Equal(window, () => suite.TraceOf("reporting", "incident_report_published", id), TimeSpan.FromSeconds(60));
    }

    [Fact]
    [Trait("Requirement", "R1")]
    public async Task Traffic_below_the_thresholds_is_left_alone()
    {
        using var customer = await suite.ACustomer();
        using var over = new CancellationTokenSource();
        var quiet = customer.Exporter.Flood(customer.Victim, packetsPerSecond: 500, bytesPerPacket: 1_200, over.Token);
        await customer.IsReported(records: 50);

        // An attack on a neighbour's address that comes later is seen, so this traffic has been judged by then.
        using var neighbour = await suite.ACustomer();
        await neighbour.SuffersAnAttack();
        await over.CancelAsync();
        await quiet;

        Assert.Empty(await customer.Anomalies());
        Assert.Empty(await customer.Incidents());
        Assert.Empty(await customer.Routes());
    }

    [Fact]
    [Trait("Requirement", "R30")]
    public async Task The_open_page_hears_of_each_step_live()
    {
        using var customer = await suite.ACustomer();
        using var page = await suite.Provider();
        using var closed = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var events = await page.Listen($"incidents/events?tenantId={customer.TenantId}", closed.Token);

        await customer.SuffersAnAttack();

        // Detection and mitigation tell their parts side by side, so only the set of steps is promised, not their order.
        var missing = new HashSet<string>(StepsOfADefence);
        await foreach (var change in events)
        {
            missing.Remove(change.GetProperty("step").GetString()!);
            if (missing.Count == 0)
            {
                return;
            }
        }

        Assert.Fail($"The page closed before it heard of {string.Join(", ", missing)}.");
    }
}
