using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>kill -9 in the middle of an attack: nothing is lost, nothing is doubled.</summary>
[Trait("Requirement", "R197")]
public sealed class AServiceIsKilled(Suite suite)
{
    [Fact]
    public async Task Each_one_after_the_other_during_the_attack_and_its_incident_is_whole()
    {
        using var customer = await suite.ACustomer();

        await customer.SuffersAnAttack(inTheMiddle: async () =>
        {
            var incident = await customer.TheIncident();
            foreach (var service in suite.Stack.Services.Values)
            {
                await service.Kill();
                service.Start();
                await service.Ready();
                Assert.True((await customer.Routes()).Count == 1, $"The route is gone after {service.Name} was killed.");
                Assert.Equal((service.Name, incident), (service.Name, await customer.TheIncident()));
            }
        });

        await IsWhole(customer);
    }

    [Theory]
    [InlineData("detection")]
    [InlineData("mitigation")]
    [InlineData("reporting")]
    public async Task Before_it_could_react_and_it_reacts_when_it_is_back(string service)
    {
        using var customer = await suite.ACustomer();
        var process = suite.Stack.Services[service];
        using var over = new CancellationTokenSource();

        await process.Kill();
        var flood = customer.Flood(over.Token);
        await customer.IsReported(records: 20);
        process.Start();
        await process.Ready();

        await customer.TheRouterDrops();
        await over.CancelAsync();
        await flood;
        await customer.TheRouterForwards();
        await IsWhole(customer);
    }

    [Fact]
    public async Task The_speaker_too_and_the_router_keeps_the_route_until_it_is_announced_again()
    {
        using var customer = await suite.ACustomer();

        await customer.SuffersAnAttack(inTheMiddle: async () =>
        {
            await suite.Stack.Speaker.Kill();
            Assert.False(await suite.Stack.Router.IsEstablished(suite.Stack.Speaker.Address));
            Assert.Single(await customer.Routes());
            await suite.Stack.Speaker.Start();
            await Eventually.True(() => suite.Stack.Router.IsEstablished(suite.Stack.Speaker.Address), TimeSpan.FromSeconds(30), "the session");
            await customer.TheRouterDrops();
        });

        await customer.TheClosedIncident();
    }

    private static async Task IsWhole(Customer customer)
    {
        var (incident, steps) = await customer.TheClosedIncident();
        Assert.Equal("defended", incident.GetProperty("mitigationResult").GetString());
        Assert.Equal(
            ["anomaly-detected", "anomaly-ended", "countermeasure-announced", "countermeasure-withdrawn", "mitigation-ended", "mitigation-started"],
            steps.Where(step => step is not ("anomaly-changed" or "report-published" or "countermeasure-measured")).Order(StringComparer.Ordinal));
        Assert.Single(await customer.Anomalies());
    }
}
