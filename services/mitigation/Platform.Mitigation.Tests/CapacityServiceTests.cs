using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.AlwaysOn;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Standing diversions at a real router, and admission by declared bandwidth.</summary>
public sealed class CapacityServiceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: others would take room
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(
            _database,
            broker,
            network,
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Bgp:Speakers:0:Location", "US"),
            ("Scrubbers:Pools:0:Name", "tokyo"),
            ("Scrubbers:Pools:0:BitsPerSecond", "1500000000"));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R6"), Trait("Requirement", "R11")]
    public async Task With_the_option_traffic_passes_the_scrubbers_before_any_detection_and_without_it_no_longer()
    {
        await Deliver(_customer.Signed("198.18.50.0/23"));
        Assert.Empty(await network.AtRouter("198.18.50.0/24"));

        await Order("as agreed");
        await network.RouterHolds("198.18.50.0/24", "198.18.50.0/24 via 192.0.2.50 []");
        await network.RouterHolds("198.18.51.0/24", "198.18.51.0/24 via 192.0.2.50 []");
        await Eventually.Get(async () => (await AlwaysOn()).Standing, standing => standing, what: "the diversion, read back");

        await Deliver(_customer.Changed(2, "198.18.50.0/24"));
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds("198.18.51.0/24"); // it follows the contract

        await Cancel("too slow");
        await network.RouterHolds("198.18.50.0/24"); // also at a speaker abroad nothing is left
        Assert.Equal((false, false), ((await AlwaysOn()).Ordered, (await AlwaysOn()).Standing));
        var orders = await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(AlwaysOnState.Stream, _customer.ServiceCode, CancellationToken.None);
        Assert.Equal(["as agreed", "too slow"], orders.Select(it => it.Data is AlwaysOnOrdered o ? o.Note : ((AlwaysOnCancelled)it.Data).Note));
        Assert.All(orders, it => Assert.Equal("0190eeee-0000-7000-8000-000000000001", it.Metadata.Actor));
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task It_outlives_every_expiry_the_kill_switch_and_a_restart_and_ends_with_the_contract()
    {
        await Deliver(_customer.Signed("198.18.52.0/24"));
        await Order("as agreed");
        await network.RouterHolds("198.18.52.0/24", "198.18.52.0/24 via 192.0.2.50 []");
        for (var halfDays = 0; halfDays < 5; halfDays++)
        {
            _host.Clock.Advance(TimeSpan.FromHours(11));
            await _host.CatchUp();
            var before = _host.Clock.GetUtcNow();
            await Eventually.Get(Expiry, expiry => expiry - before > TimeSpan.FromHours(12), what: "a later expiry");
        }

        var mitigations = new Wire.Mitigations.MitigationsClient(_host.Channel);
        await mitigations.TurnKillSwitchAsync(new() { Engage = true, Reason = "test" }, AsProvider());
        await network.RouterHolds("198.18.52.0/24");
        await mitigations.TurnKillSwitchAsync(new() { Reason = "test" }, AsProvider());
        await Eventually.True(async () =>
        {
            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            return (await network.AtRouter("198.18.52.0/24")).Count == 1;
        });
        await _host.Restart();
        await network.RouterHolds("198.18.52.0/24", "198.18.52.0/24 via 192.0.2.50 []");

        await Deliver(_customer.Terminated());
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds("198.18.52.0/24");
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task A_diversion_of_one_customer_leaves_anothers_alone()
    {
        var other = Customer.New();
        await Deliver(_customer.Signed("198.18.53.0/24"));
        await Deliver(other.Signed("198.18.54.0/24") with { DeclaredBitsPerSecond = 100_000_000 });
        await Order("mine");
        await Capacity.OrderAlwaysOnAsync(
            new() { ServiceCode = other.ServiceCode, Reason = "theirs" }, _host.As(TenantId.Of(other.TenantId), Roles.Administrator));
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
        await network.RouterHolds("198.18.53.0/24", "198.18.53.0/24 via 192.0.2.50 []");
        await network.RouterHolds("198.18.54.0/24", "198.18.54.0/24 via 192.0.2.50 []");

        await Refused(StatusCode.NotFound, "contract-not-found", () => Capacity.CancelAlwaysOnAsync(
            new() { ServiceCode = other.ServiceCode, Reason = "not mine" }, As(Roles.Administrator)).ResponseAsync);
        await Cancel("mine");
        await network.RouterHolds("198.18.53.0/24");
        await network.RouterHolds("198.18.54.0/24", "198.18.54.0/24 via 192.0.2.50 []");
    }

    [Fact, Trait("Requirement", "R26"), Trait("Requirement", "R27")]
    public async Task Contracts_are_admitted_by_what_they_declare_and_headroom_is_visible()
    {
        await Deliver(_customer.Signed("198.18.55.0/24")); // 1 Gbit/s, of which a tenth is kept
        Assert.Equal((1_500_000_000, 100_000_000, 1_400_000_000, 1), await Pool());

        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(14_000_000_001));
        await Admit(13_000_000_000);
        Assert.Equal(1_400_000_000, (await Pool()).Used); // kept until the contract is there
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(1_100_000_000));
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Order("no room for all of it"));
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(100_000_000, (await Pool()).Used); // it never came

        await Order("now there is");
        await _host.CatchUp();
        Assert.Equal(1_000_000_000, (await Pool()).Used);
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(1_600_000_000, _customer.ServiceCode)); // a change needs room too
        await Deliver(_customer.Changed(2, "198.18.55.0/24") with { DeclaredBitsPerSecond = 200_000_000 });
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200_000_000, (await Pool()).Used); // a change re-sizes
        await Refused(StatusCode.PermissionDenied, null, () => Capacity.ListPoolsAsync(new(), As(Roles.Administrator)).ResponseAsync);
    }

    private Wire.Capacity.CapacityClient Capacity => new(_host.Channel);

    private async Task<(long Limit, long Used, long Headroom, int Contracts)> Pool()
    {
        var pool = (await Capacity.ListPoolsAsync(new(), AsProvider())).Pools.Single();
        return (pool.LimitBitsPerSecond, pool.UsedBitsPerSecond, pool.HeadroomBitsPerSecond, pool.Contracts);
    }

    private async Task Admit(long declaredBitsPerSecond, string serviceCode = "") => await Capacity.AdmitContractAsync(
        new() { DeclaredBitsPerSecond = declaredBitsPerSecond, ServiceCode = serviceCode }, AsProvider());

    /// <summary>And half a second for who keeps it.</summary>
    private async Task Order(string reason)
    {
        await Capacity.OrderAlwaysOnAsync(new() { ServiceCode = _customer.ServiceCode, Reason = reason }, As(Roles.Administrator));
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
    }

    private async Task Cancel(string reason)
    {
        await Capacity.CancelAlwaysOnAsync(new() { ServiceCode = _customer.ServiceCode, Reason = reason }, As(Roles.Administrator));
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
    }

    private async Task<GetAlwaysOnResponse> AlwaysOn() =>
        await Capacity.GetAlwaysOnAsync(new() { ServiceCode = _customer.ServiceCode }, As(Roles.Viewer));

    private async Task<DateTimeOffset> Expiry() =>
        (await new Wire.Mitigations.MitigationsClient(_host.Channel).ListMitigationsAsync(new() { ActiveOnly = true }, As(Roles.Viewer)))
        .Mitigations.Single().ExpiresAt.ToDateTimeOffset();

    private static async Task Refused(StatusCode status, string? code, Func<Task> call)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal((status, code), (refusal.StatusCode, refusal.Trailers.GetValue(Rejections.CodeTrailer)));
    }

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);

    private Metadata AsProvider() => _host.As(TenantId.Provider, Roles.ProviderOperator);
}
