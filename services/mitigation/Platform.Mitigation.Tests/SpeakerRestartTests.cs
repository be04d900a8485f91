using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>
/// The speaker dies in the middle of a defence. Its table is whole again as soon as it answers; the session to a router takes GoBGP 5 to 9 seconds, which
/// no setting shortens, and graceful restart bridges: at no moment is the router without the route.
/// </summary>
public sealed class SpeakerRestartTests(PostgresServer postgres, RabbitMqVirtualHost broker, AGracefulNetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<AGracefulNetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(_database, broker, network);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory, Trait("Requirement", "R2")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_router_is_never_without_the_route_while_speaker_or_speaker_and_service_are_killed_and_back(bool serviceToo)
    {
        var host = serviceToo ? "203.0.113.151/32" : "203.0.113.150/32";
        await _host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
        await _host.Deliver(_customer.Attacked(host, Customer.NewId()), Customer.NewId());
        await network.RouterHolds(host, $"{host} via 192.0.2.1 [65535:666 65535:65281]");
        using var over = new CancellationTokenSource();
        var missing = Watch(host, over.Token);

        await network.Speaker.Kill();
        if (serviceToo)
        {
            await _host.Stop();
        }

        await network.Speaker.Start();
        if (serviceToo)
        {
            await _host.Start();
        }

        await Eventually.Get(() => network.AtSpeaker(host), seen => seen.Count == 1, TimeSpan.FromSeconds(30), "the route at the speaker");
        await network.Session();
        await network.RouterHolds(host, $"{host} via 192.0.2.1 [65535:666 65535:65281]");
        await over.CancelAsync();
        Assert.Equal(0, await missing);

        // And what ends while it stands is withdrawn: nothing of the bridge is left.
        await _host.Deliver(_customer.Terminated(), Customer.NewId());
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds(host);
    }

    /// <summary>How often the router was asked and did not have it.</summary>
    private async Task<int> Watch(string host, CancellationToken over)
    {
        var missing = 0;
        while (!over.IsCancellationRequested)
        {
            missing += (await network.AtRouter(host)).Count == 1 ? 0 : 1;
        }

        return missing;
    }
}
