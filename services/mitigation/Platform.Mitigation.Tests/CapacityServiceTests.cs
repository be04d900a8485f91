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
    private string[] _prefixes = [];
    private long _declared = 1_000_000_000;
    private long _version = 1;

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
        await Sign("198.18.50.0/23");
        Assert.Empty(await network.AtRouter("198.18.50.0/24"));

        await Order();
        await network.RouterHolds("198.18.50.0/24", "198.18.50.0/24 via 192.0.2.50 [65535:65281]");
        await network.RouterHolds("198.18.51.0/24", "198.18.51.0/24 via 192.0.2.50 [65535:65281]");
        await Eventually.Get(async () => (await AlwaysOn()).Standing, standing => standing, what: "the diversion, read back");

        await Change(alwaysOn: true, "198.18.50.0/24");
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds("198.18.51.0/24"); // it follows the contract

        await Cancel();
        await network.RouterHolds("198.18.50.0/24"); // also at a speaker abroad nothing is left
        Assert.Equal((false, false), ((await AlwaysOn()).Ordered, (await AlwaysOn()).Standing));
        var orders = await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(AlwaysOnState.Stream, _customer.ServiceCode, CancellationToken.None);
        Assert.Equal(
            ["version 2 of the contract", "version 4 of the contract"],
            orders.Select(it => it.Data is AlwaysOnOrdered o ? o.Note : ((AlwaysOnCancelled)it.Data).Note));
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task WhenContractChanged_the_newest_version_orders_and_cancels_whatever_comes_twice_or_in_the_wrong_order()
    {
        await Deliver(_customer.Changed(3, "198.18.56.0/24") with { AlwaysOn = true }); // before the contract itself
        await Kept();
        await network.RouterHolds("198.18.56.0/24", "198.18.56.0/24 via 192.0.2.50 [65535:65281]");

        await Deliver(_customer.Signed("198.18.56.0/24")); // late, and without the option
        await Deliver(_customer.Changed(2, "198.18.57.0/24"));
        await Deliver(_customer.Changed(3, "198.18.56.0/24") with { AlwaysOn = true }); // again
        await Kept();
        await network.RouterHolds("198.18.56.0/24", "198.18.56.0/24 via 192.0.2.50 [65535:65281]");

        await Deliver(_customer.Changed(5, "198.18.56.0/24"));
        await Deliver(_customer.Changed(4, "198.18.56.0/24") with { AlwaysOn = true });
        await Kept();
        await network.RouterHolds("198.18.56.0/24");
        Assert.False((await AlwaysOn()).Ordered);
        var orders = await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(AlwaysOnState.Stream, _customer.ServiceCode, CancellationToken.None);
        Assert.Equal(2, orders.Count); // one order, one cancellation
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task It_outlives_every_expiry_the_kill_switch_and_a_restart_and_ends_with_the_contract()
    {
        await Sign("198.18.52.0/24");
        await Order();
        await network.RouterHolds("198.18.52.0/24", "198.18.52.0/24 via 192.0.2.50 [65535:65281]");
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
        await network.RouterHolds("198.18.52.0/24", "198.18.52.0/24 via 192.0.2.50 [65535:65281]");

        await Deliver(_customer.Terminated());
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds("198.18.52.0/24");
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task A_diversion_of_one_customer_leaves_anothers_alone()
    {
        var other = Customer.New();
        await Sign("198.18.53.0/24");
        await Deliver(other.Signed("198.18.54.0/24") with { DeclaredBitsPerSecond = 100_000_000 });
        await Order();
        await Deliver(other.Changed(2, "198.18.54.0/24") with { DeclaredBitsPerSecond = 100_000_000, AlwaysOn = true });
        await Eventually.Equal(1, async () =>
        {
            _host.Clock.Advance(TimeSpan.FromMilliseconds(500)); // for who keeps it: Kept() waits for our own order only
            return (await network.AtRouter("198.18.54.0/24")).Count;
        });
        await network.RouterHolds("198.18.53.0/24", "198.18.53.0/24 via 192.0.2.50 [65535:65281]");
        await network.RouterHolds("198.18.54.0/24", "198.18.54.0/24 via 192.0.2.50 [65535:65281]");

        await Refused(StatusCode.NotFound, "contract-not-found", () => Capacity.AdmitAlwaysOnAsync(
            new() { ServiceCode = other.ServiceCode }, As(Roles.Administrator)).ResponseAsync);
        await Cancel();
        await network.RouterHolds("198.18.53.0/24");
        await network.RouterHolds("198.18.54.0/24", "198.18.54.0/24 via 192.0.2.50 [65535:65281]");
    }

    [Fact, Trait("Requirement", "R26"), Trait("Requirement", "R27")]
    public async Task Contracts_are_admitted_by_what_they_declare_and_headroom_is_visible()
    {
        await Sign("198.18.55.0/24"); // 1 Gbit/s, of which a tenth is kept
        Assert.Equal((1_500_000_000, 100_000_000, 1_400_000_000, 1), await Pool());

        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(14_000_000_001));
        await Admit(13_000_000_000);
        Assert.Equal(1_400_000_000, (await Pool()).Used); // kept until the contract is there
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(1_100_000_000));
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit());
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(100_000_000, (await Pool()).Used); // it never came

        await Order();
        await _host.CatchUp();
        Assert.Equal(1_000_000_000, (await Pool()).Used);
        await Refused(StatusCode.FailedPrecondition, "capacity-exceeded", () => Admit(1_600_000_000, _customer.ServiceCode)); // a change needs room too
        _declared = 200_000_000;
        await Change(alwaysOn: true, "198.18.55.0/24");
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200_000_000, (await Pool()).Used); // a change re-sizes
        await Refused(StatusCode.PermissionDenied, null, () => Capacity.ListPoolsAsync(new(), As(Roles.Administrator)).ResponseAsync);
    }

    [Fact, Trait("Requirement", "R26")]
    public async Task Room_that_was_kept_for_a_contract_is_counted_once_when_the_contract_is_there()
    {
        await Admit(13_000_000_000);
        await Deliver(_customer.Signed("198.18.58.0/24") with { DeclaredBitsPerSecond = 13_000_000_000 });

        Assert.Equal((1_300_000_000, 1), ((await Pool()).Used, (await Pool()).Contracts));
        Assert.Equal(0, (await Capacity.ListPoolsAsync(new(), AsProvider())).UnplacedBitsPerSecond);
        await Admit(2_000_000_000); // and there is the room that there is
    }

    [Fact, Trait("Requirement", "R26")]
    public async Task A_signing_that_is_repeated_holds_its_room_once_also_when_the_contract_is_there()
    {
        await Repeat();
        await Repeat();
        Assert.Equal(500_000_000, (await Pool()).Used);

        await Deliver(_customer.Signed("198.18.59.0/24") with { DeclaredBitsPerSecond = 5_000_000_000 });
        await Repeat();
        Assert.Equal((500_000_000, 1), ((await Pool()).Used, (await Pool()).Contracts));
        _host.Clock.Advance(TimeSpan.FromMinutes(2));
        await Repeat(); // late
        Assert.Equal((500_000_000, 1), ((await Pool()).Used, (await Pool()).Contracts));

        await Capacity.AdmitContractAsync(new() { DeclaredBitsPerSecond = 5_000_000_000 }, AsProvider()); // another one
        Assert.Equal((1_000_000_000, 2), ((await Pool()).Used, (await Pool()).Contracts));

        async Task Repeat()
        {
            var headers = AsProvider();
            headers.Add("x-idempotency-key", "sign-59");
            await Capacity.AdmitContractAsync(new() { DeclaredBitsPerSecond = 5_000_000_000 }, headers);
        }
    }

    private Wire.Capacity.CapacityClient Capacity => new(_host.Channel);

    private async Task<(long Limit, long Used, long Headroom, int Contracts)> Pool()
    {
        var pool = (await Capacity.ListPoolsAsync(new(), AsProvider())).Pools.Single();
        return (pool.LimitBitsPerSecond, pool.UsedBitsPerSecond, pool.HeadroomBitsPerSecond, pool.Contracts);
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task What_an_operator_adds_beside_a_standing_diversion_disturbs_neither_it_nor_who_keeps_it()
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(
            _database, broker, network, ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"), ("Bgp:Speakers:0:FlowSpec", "true"));
        await Sign("198.18.60.0/24");
        await Order();
        await network.RouterHolds("198.18.60.0/24", "198.18.60.0/24 via 192.0.2.50 [65535:65281]");
        var client = new Wire.Mitigations.MitigationsClient(_host.Channel);
        var standing = Assert.Single((await client.ListMitigationsAsync(new() { ActiveOnly = true }, As(Roles.Viewer))).Mitigations);

        var rule = new Wire.Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 53, To = 53 } };
        var spec = new Wire.CountermeasureSpec { Kind = "flowspec", Prefix = "198.18.60.0/24", Rule = rule };
        var joined = await Assert.ThrowsAsync<RpcException>(() => client.AddCountermeasuresAsync(
            new() { MitigationId = standing.MitigationId, Reason = "resolvers only", Countermeasures = { spec } }, As(Roles.Operator)).ResponseAsync);
        Assert.Equal("mitigation-stands-always", joined.Trailers.GetValue(Rejections.CodeTrailer)); // it would never expire
        var beside = await client.StartMitigationAsync(
            new() { ServiceCode = _customer.ServiceCode, Reason = "resolvers only", Countermeasures = { spec } }, As(Roles.Operator));
        await network.RouterHasRule("198.18.60.0/24", "[source-port: ==53]");
        await _host.CatchUp();
        await Change(alwaysOn: true, "198.18.60.0/24", "198.18.61.0/24");
        await Kept();

        await network.RouterHolds("198.18.61.0/24", "198.18.61.0/24 via 192.0.2.50 [65535:65281]");
        await network.RouterHasRule("198.18.60.0/24", "[source-port: ==53]");
        await client.WithdrawMitigationAsync(new() { MitigationId = beside.MitigationId, Reason = "over" }, As(Roles.Operator));
        await network.RouterHasNoRule("198.18.60.0/24");
        await network.RouterHolds("198.18.60.0/24", "198.18.60.0/24 via 192.0.2.50 [65535:65281]");
    }

    [Fact, Trait("Requirement", "R6"), Trait("Requirement", "R27")]
    public async Task A_contract_whose_prefixes_cannot_all_be_diverted_is_refused_with_always_on_before_it_is_signed_or_changed()
    {
        await Refused(StatusCode.FailedPrecondition, "nothing-diverts", () => AdmitWith(alwaysOn: true, "", "2001:db8::/48"));
        await Refused(StatusCode.InvalidArgument, "too-many-routes", () => AdmitWith(alwaysOn: true, "", "198.16.0.0/12"));
        await AdmitWith(alwaysOn: false, "", "198.16.0.0/12", "2001:db8::/48");
        await AdmitWith(alwaysOn: true, "", "198.18.60.0/24");
        await Sign("198.18.60.0/24");
        await AdmitWith(alwaysOn: false, _customer.ServiceCode, "198.16.0.0/12");
        await Order();
        await Refused(StatusCode.InvalidArgument, "too-many-routes", () => AdmitWith(alwaysOn: false, _customer.ServiceCode, "198.16.0.0/12"));
    }

    private async Task AdmitWith(bool alwaysOn, string serviceCode, params string[] prefixes) => await Capacity.AdmitContractAsync(
        new() { DeclaredBitsPerSecond = 1_000_000, ServiceCode = serviceCode, AlwaysOn = alwaysOn, Prefixes = { prefixes } }, AsProvider());

    private async Task Admit(long declaredBitsPerSecond, string serviceCode = "") => await Capacity.AdmitContractAsync(
        new() { DeclaredBitsPerSecond = declaredBitsPerSecond, ServiceCode = serviceCode }, AsProvider());

    private Task Sign(params string[] prefixes) => Deliver(_customer.Signed(_prefixes = prefixes));

    private Task Change(bool alwaysOn, params string[] prefixes) => Deliver(
        _customer.Changed(++_version, _prefixes = prefixes) with { DeclaredBitsPerSecond = _declared, AlwaysOn = alwaysOn });

    private async Task Admit() => await Capacity.AdmitAlwaysOnAsync(new() { ServiceCode = _customer.ServiceCode }, As(Roles.Administrator));

    /// <summary>As the gateway does it: asked first, then ordered with the contract.</summary>
    private async Task Order()
    {
        await Admit();
        await Change(alwaysOn: true, _prefixes);
        await Kept();
    }

    private async Task Cancel()
    {
        await Change(alwaysOn: false, _prefixes);
        await Kept();
    }

    /// <summary>Twice half a second for who keeps it: for the order, and for what stands of it.</summary>
    private async Task Kept()
    {
        _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
        await Eventually.True(async () => (await AlwaysOn()).Ordered == (await Wanted()), what: "the order, as the contract says");
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
    }

    private async Task<bool> Wanted()
    {
        await using var command = _database.DataSource.CreateCommand("select always_on from views.contracts_v1 where service_code = $1");
        command.Parameters.Add(new() { Value = _customer.ServiceCode });
        return await command.ExecuteScalarAsync() is true;
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
