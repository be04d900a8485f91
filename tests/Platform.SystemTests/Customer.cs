using System.Text.Json;
using Platform.Local;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>One customer as the stories see it: over the gateway, and at the router.</summary>
internal sealed class Customer(LocalStack stack, GatewayClient provider, Exporter exporter, string tenantId, string serviceCode, string prefix)
    : IDisposable
{
    private static readonly string[] LastSteps = ["anomaly-ended", "countermeasure-withdrawn", "mitigation-ended"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public string TenantId => tenantId;

    public string ServiceCode => serviceCode;

    public Exporter Exporter => exporter;

    /// <summary>The host in the prefix that is attacked.</summary>
    public string Victim { get; } = $"{prefix[..prefix.LastIndexOf('.')]}.10";

    private string Blackhole => $"{Victim}/32";

    /// <summary>From now on the object is defended by this one step.</summary>
    public async Task IsDefendedBy(string step, string mode = "automatic")
    {
        var objects = await provider.List($"protected-objects?tenantId={tenantId}");
        var id = objects.Single().GetProperty("objectId").GetString();
        var policy = new { serviceCode, mode, reason = "as agreed", steps = new[] { new { kind = step, patienceSeconds = 3600, fromSeverity = "low" } } };
        await Eventually.True(
            async () => // detection knows the contract, mitigation may hear of it a moment later
            {
                try
                {
                    await provider.Put($"protected-objects/{id}/defense-policy?tenantId={tenantId}", policy);
                    return true;
                }
                catch (LocalStackException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(15),
            "the policy");
    }

    /// <summary>From now on the object is watched for this vector, and for nothing else.</summary>
    public async Task IsWatchedFor(string vector, long packetsPerSecond)
    {
        var objects = await provider.List($"protected-objects?tenantId={tenantId}");
        var thresholds = new[] { new { vector, bitsPerSecond = 0, packetsPerSecond } };
        await provider.Put(
            $"protected-objects/{objects.Single().GetProperty("objectId").GetString()}/thresholds?tenantId={tenantId}", new { thresholds, reason = "as agreed", allLevels = true });
    }

    /// <summary>Whether the traffic shall run through the scrubbers always.</summary>
    public Task OrdersAlwaysOn(bool ordered) => provider.Put($"contracts/{serviceCode}/always-on?tenantId={tenantId}", new { ordered });

    /// <summary>Agrees to what waits of the only mitigation.</summary>
    public async Task Approves() => await provider.Post($"mitigations/{await TheMitigation()}/approval?tenantId={tenantId}", new { reason = "seen" });

    /// <summary>Stops the only mitigation by hand.</summary>
    public async Task Stops() => await provider.Post($"mitigations/{await TheMitigation()}/withdrawal?tenantId={tenantId}", new { reason = "the attack is over" });

    public Task<IReadOnlyList<JsonElement>> Mitigations() => provider.List($"mitigations?tenantId={tenantId}");

    /// <summary>
    /// A flood of 1,536 Mbit/s of UDP, against 40 that were declared; ends with the token. What the router drops is not reported: the fiftieth part of it
    /// that goes on comes over another one, so that the attack lasts, and its defence is seen to help whenever it was measured.
    /// </summary>
    public async Task Flood(CancellationToken cancellationToken)
    {
        const int all = 160_000, overAnother = all / 50;
        var packetsPerSecond = all;
        var flood = exporter.Flood(Victim, () => Volatile.Read(ref packetsPerSecond), bytesPerPacket: 1_200, cancellationToken);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!flood.IsCompleted)
        {
            Volatile.Write(ref packetsPerSecond, (await Routes()).Count > 0 ? overAnother : all);
            await Task.WhenAny(flood, look.WaitForNextTickAsync(CancellationToken.None).AsTask());
        }

        await flood;
    }

    public Task<IReadOnlyList<JsonElement>> Anomalies() => provider.List($"anomalies?tenantId={tenantId}");

    public Task<IReadOnlyList<JsonElement>> Notices() => provider.List($"notices?tenantId={tenantId}");

    public Task<IReadOnlyList<JsonElement>> Incidents() => provider.List($"incidents?tenantId={tenantId}");

    /// <summary>Of each countermeasure: kind, route, effect as it was measured, and the effect in words.</summary>
    public async Task<IReadOnlyList<(string Kind, string Route, string? Effect, string? Words)>> Countermeasures() =>
    [
        .. from mitigation in await Mitigations()
           from it in mitigation.GetProperty("countermeasures").EnumerateArray()
           select (
               it.GetProperty("kind").GetString()!,
               it.GetProperty("route").GetString()!,
               it.GetProperty("effect").GetString(),
               it.GetProperty("effectWords").GetString()),
    ];

    /// <summary>The routes for the victim that the router accepted.</summary>
    public async Task<IReadOnlyList<BgpRoute>> Routes() => [.. (await stack.Router.Routes()).Where(route => route.Prefix == Blackhole)];

    /// <summary>Ingestion has counted so many records of the customer's router; a flood is ten each second.</summary>
    public Task IsReported(ulong records) => Eventually.Get(
        () => provider.List("exporters"),
        all => all.Any(e => e.GetProperty("address").GetString() == exporter.Address && e.GetProperty("records").GetUInt64() >= records),
        Patience,
        $"{records} records of {exporter.Address}");

    public Task TheRouterDrops() => Eventually.Get(
        Routes,
        routes => routes.Count == 1 && routes[0].Communities.Contains("65535:666"),
        Patience,
        $"the blackhole of {Victim} at the router");

    public Task TheRouterForwards() => Eventually.Get(Routes, routes => routes.Count == 0, Patience, $"the withdrawal of {Victim} at the router");

    /// <summary>The one incident, once it is closed and the steps that end it are recorded; the facts behind them come in no promised order.</summary>
    public async Task<(JsonElement Incident, IReadOnlyList<string> Steps)> TheClosedIncident()
    {
        var id = await TheIncident();
        var found = await Eventually.Get(
            () => provider.Get($"incidents/{id}?tenantId={tenantId}"),
            seen => seen.GetProperty("incident").GetProperty("status").GetString() == "closed" && LastSteps.All(Steps(seen).Contains),
            Patience,
            "the closed incident");
        return (found.GetProperty("incident"), Steps(found));
    }

    /// <summary>Id of the only incident.</summary>
    public async Task<string> TheIncident() => (await Eventually.Get(Incidents, all => all.Count > 0, Patience, "the incident"))
        .Select(incident => incident.GetProperty("incidentId").GetString()!)
        .Single();

    /// <summary>The whole story of one attack, from its first datagram to the closed incident.</summary>
    public async Task SuffersAnAttack(Func<Task>? inTheMiddle = null)
    {
        using var over = new CancellationTokenSource();
        var flood = Flood(over.Token);
        await TheRouterDrops();
        await (inTheMiddle?.Invoke() ?? Task.CompletedTask);
        await over.CancelAsync();
        await flood;
        await TheRouterForwards();
        await TheClosedIncident();
    }

    public void Dispose()
    {
        exporter.Dispose();
        provider.Dispose();
    }

    private async Task<string> TheMitigation() => (await Mitigations()).Single().GetProperty("mitigationId").GetString()!;

    private static IReadOnlyList<string> Steps(JsonElement incident) =>
        [.. incident.GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("step").GetString()!)];
}
