using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>A diversion of what the customer announces itself is as long as its own route: the preference decides which of them the routers take.</summary>
public sealed class DiversionPreferenceTests(PostgresServer postgres, RabbitMqVirtualHost broker, AnInternalNetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<AnInternalNetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(_database, broker, network, ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task The_diversion_of_a_whole_24_wins_over_the_customers_own_route_to_it_and_gives_way_when_it_is_over()
    {
        await network.Router.Gobgp("global", "rib", "add", "203.0.113.0/24", "nexthop", "192.0.2.99", "local-pref", "300");
        Assert.Contains("192.0.2.99", await Best(), StringComparison.Ordinal);

        await _host.Deliver(_customer.Signed("203.0.113.0/24") with { AlwaysOn = true }, Customer.NewId());
        await Eventually.Get(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
                return await Best();
            },
            best => best.Contains("192.0.2.50", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            "the scrubber as the best way");

        await _host.Deliver(_customer.Terminated(), Customer.NewId());
        await Eventually.Get(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
                return await Best();
            },
            best => best.Contains("192.0.2.99", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            "the customer's own way again");
    }

    /// <summary>What the router chose.</summary>
    private async Task<string> Best() => (await network.Router.Gobgp("global", "rib", "203.0.113.0/24"))
        .Split('\n').FirstOrDefault(line => line.StartsWith("*>", StringComparison.Ordinal)) ?? "";
}
