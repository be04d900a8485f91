using Grpc.Core;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Each sentence tries to get past a rail by timing: at the same moment, twice, or after something changed.</summary>
public sealed class RailsServiceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: a kill switch is everybody's
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_host_that_is_diverted_and_then_blackholed_is_blackholed_and_diverted_again_when_the_blackhole_goes()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        string[] hosts = [.. Enumerable.Range(100, 4).Select(last => $"203.0.113.{last}/32")]; // which of two was first by id must not matter
        var ids = new List<string>();
        foreach (var host in hosts)
        {
            ids.Add(await ByHand(Spec("diversion", host)));
            await network.RouterHolds(host, $"{host} via 192.0.2.50 [65535:65281]");
            await Add(ids[^1], Spec("blackhole", host));
            await network.RouterHolds(host, $"{host} via 192.0.2.1 [65535:666 65535:65281]");
        }

        foreach (var (host, id) in hosts.Zip(ids))
        {
            var listed = await Eventually.Get(
                async () => (await Mitigations()).Single(it => it.MitigationId == id).Countermeasures.Single(it => it.Kind == "blackhole"),
                seen => seen.Status == "announced",
                what: "the blackhole, read back");
            await Client.StopCountermeasureAsync(
                new() { MitigationId = id, CountermeasureId = listed.CountermeasureId, Reason = "cleaning will do" }, As(Roles.Operator));
            await network.RouterHolds(host, $"{host} via 192.0.2.50 [65535:65281]");
            await Eventually.Get(
                async () => (await Mitigations()).Single(it => it.MitigationId == id).Countermeasures.Select(it => $"{it.Kind} {it.Status}").Order(),
                seen => seen.SequenceEqual(["blackhole withdrawn", "diversion announced"]),
                what: "the end of the blackhole");
        }
    }

    [Fact]
    public async Task What_stands_on_a_prefix_that_the_contract_gave_up_is_dropped_before_it_can_hit_the_next_owner()
    {
        await Deliver(_customer.Signed("203.0.113.0/24", "2001:db8:7::/48"));
        await ByHand(Spec("blackhole", "203.0.113.110/32"), Spec("blackhole", "2001:db8:7::1/128"));
        await network.RouterHolds("203.0.113.110/32", "203.0.113.110/32 via 192.0.2.1 [65535:666 65535:65281]");
        await network.RouterHolds("2001:db8:7::1/128", "2001:db8:7::1/128 via 100::1 [65535:666 65535:65281]");

        await Deliver(_customer.Changed(2, "2001:db8:7::/48"));
        _host.Clock.Advance(TimeSpan.FromSeconds(1));

        await network.RouterHolds("203.0.113.110/32");
        await network.RouterHolds("2001:db8:7::1/128", "2001:db8:7::1/128 via 100::1 [65535:666 65535:65281]"); // what is still its own stays
    }

    [Fact]
    public async Task A_mitigation_that_cannot_be_read_any_more_keeps_no_other_from_its_end_and_its_own_route_goes_with_the_contract()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var broken = await ByHand(Spec("blackhole", "203.0.113.140/32")); // first in every list
        await ByHand(Spec("blackhole", "203.0.113.141/32"));
        await network.RouterHolds("203.0.113.140/32", "203.0.113.140/32 via 192.0.2.1 [65535:666 65535:65281]");
        await network.RouterHolds("203.0.113.141/32", "203.0.113.141/32 via 192.0.2.1 [65535:666 65535:65281]");
        await _host.CatchUp();
        await using (var database = NpgsqlDataSource.Create(_database.ConnectionString))
        await using (var tear = database.CreateCommand("update events.mt_events set data = '[]' where stream_id like '%' || $1 || '%'"))
        {
            tear.Parameters.AddWithValue(broken);
            Assert.True(await tear.ExecuteNonQueryAsync() > 0);
        }

        await Deliver(_customer.Terminated());
        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
                return (await network.AtRouter("203.0.113.141/32")).Count == 0;
            },
            what: "the other's end");
        await network.RouterHolds("203.0.113.140/32"); // the prefix may be somebody else's by now, whatever its stream can say
    }

    [Fact]
    public async Task A_kill_switch_that_is_released_in_the_same_moment_has_withdrawn_everything_all_the_same()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var id = await ByHand(Spec("blackhole", "203.0.113.111/32"));
        await network.RouterHolds("203.0.113.111/32", "203.0.113.111/32 via 192.0.2.1 [65535:666 65535:65281]");

        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "on" }, AsProvider());
        await Client.TurnKillSwitchAsync(new() { Reason = "and off" }, AsProvider());
        await _host.CatchUp();

        await network.RouterHolds("203.0.113.111/32"); // nobody's clock has moved: the switch alone did it
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await Eventually.Get(
            async () => (await Mitigations()).Single(it => it.MitigationId == id).Status, status => status == "ended", what: "the end of the mitigation");
        await ByHand(Spec("blackhole", "203.0.113.112/32"));
        await network.RouterHolds("203.0.113.112/32", "203.0.113.112/32 via 192.0.2.1 [65535:666 65535:65281]"); // what comes after it stands
        Assert.Empty(await network.AtRouter("203.0.113.111/32"));
    }

    [Fact]
    public async Task Commands_at_the_same_moment_do_not_pass_the_cap_together_and_the_same_one_again_uses_none_of_it_up()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var id = await ByHand(Spec("blackhole", "203.0.113.120/32"));
        for (var again = 0; again < 12; again++)
        {
            await Add(id, Spec("blackhole", "203.0.113.120/32")); // more often than the cap allows
        }

        var answers = await Task.WhenAll(Enumerable.Range(121, 12).Select(last => Answer(() => Add(id, Spec("blackhole", $"203.0.113.{last}/32")))));

        Assert.Equal(7, answers.Count(code => code is null)); // with the first: eight, as the settings say
        Assert.All(answers.Where(code => code is not null), code => Assert.Equal("tenant-cap-reached", code));
        var standing = (await Eventually.Get(Mitigations, seen => seen.Single().Countermeasures.Count == 8, what: "eight")).Single();
        await Client.StopCountermeasureAsync(
            new() { MitigationId = id, CountermeasureId = standing.Countermeasures[0].CountermeasureId, Reason = "make room" }, As(Roles.Operator));
        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromMinutes(1)); // what went gives its room back while the mitigation stands on
                return await Answer(() => Add(id, Spec("blackhole", "203.0.113.140/32"))) is null;
            },
            what: "room for one more");
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task Always_on_in_a_dry_run_is_rehearsed_and_stands_when_the_dry_run_is_over()
    {
        await _host.DisposeAsync();
        _host = await Start(("Mitigations:DryRun", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        var capacity = new Wire.Capacity.CapacityClient(_host.Channel);
        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await Mitigations()).Any(it => it.Status == "rehearsed");
            },
            what: "the rehearsal");
        var answer = await capacity.GetAlwaysOnAsync(new() { ServiceCode = _customer.ServiceCode }, As(Roles.Viewer));
        Assert.Equal((true, false), (answer.Ordered, answer.Standing));
        Assert.Empty(await network.AtSpeaker("203.0.113.0/24"));

        await _host.DisposeAsync();
        _host = await Start();
        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await network.AtRouter("203.0.113.0/24")).Count == 1;
            },
            TimeSpan.FromSeconds(30),
            "the diversion");
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task Always_on_takes_no_room_from_defence_nor_defence_from_it()
    {
        await Deliver(_customer.Signed("198.18.64.0/20", "203.0.113.0/24") with { AlwaysOn = true }); // 17 routes under a cap of 8
        await Passes(async () => (await network.AtRouter("198.18.79.0/24")).Count == 1, "the diversion");
        var id = await ByHand([.. Enumerable.Range(160, 8).Select(last => Spec("blackhole", $"203.0.113.{last}/32"))]);
        await network.RouterHolds("203.0.113.167/32", "203.0.113.167/32 via 192.0.2.1 [65535:666 65535:65281]");
        Assert.Equal("tenant-cap-reached", await Answer(() => Add(id, Spec("blackhole", "203.0.113.168/32"))));

        await Deliver(_customer.Changed(2, "198.18.64.0/20", "203.0.113.0/24", "198.18.80.0/24") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("198.18.80.0/24")).Count == 1, "one more diversion, though the cap is reached");
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task Routes_of_always_on_have_a_cap_of_their_own()
    {
        await _host.DisposeAsync();
        _host = await Start(("Mitigations:MaxStandingDiversions", "3"));
        await Deliver(_customer.Signed("198.18.84.0/23") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("198.18.85.0/24")).Count == 1, "the diversion");
        var second = Customer.New();
        await Deliver(second.Signed("198.18.86.0/23") with { AlwaysOn = true }); // two more, and room for one
        await Deliver(_customer.Changed(2, "198.18.84.0/23", "198.18.88.0/24") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("198.18.88.0/24")).Count == 1, "the third route");
        Assert.Empty(await network.AtRouter("198.18.86.0/24"));
        Assert.Empty(await network.AtRouter("198.18.87.0/24"));
    }

    [Fact]
    public async Task Prefixes_that_the_rails_refuse_take_no_room_however_often_they_are_looked_at()
    {
        await _host.DisposeAsync();
        _host = await Start(("Mitigations:ProtectedInfrastructure:0", "198.18.90.53/32"), ("Mitigations:MaxStandingDiversions", "2"));
        await Deliver(_customer.Signed("198.18.90.0/23") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("198.18.91.0/24")).Count == 1, "what is allowed of it");
        for (var look = 0; look < 20; look++)
        {
            _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            await _host.CatchUp();
        }

        var second = Customer.New();
        await Deliver(second.Signed("198.18.92.0/24") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("198.18.92.0/24")).Count == 1, "the last room, which nobody ate");
        Assert.Empty(await network.AtRouter("198.18.90.0/24"));
    }

    private Task Passes(Func<Task<bool>> until, string what) => Eventually.True(
        async () =>
        {
            _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return await until();
        },
        TimeSpan.FromSeconds(30),
        what);

    private Wire.Mitigations.MitigationsClient Client => new(_host.Channel);

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        _database,
        broker,
        network,
        [("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"), ("Mitigations:MaxCountermeasuresPerTenant", "8"), .. settings]);

    private async Task<string> ByHand(params Wire.CountermeasureSpec[] specs) => (await Client.StartMitigationAsync(
        new() { ServiceCode = _customer.ServiceCode, Reason = "customer called", DurationSeconds = 86_000, Countermeasures = { specs } },
        As(Roles.Operator))).MitigationId;

    private async Task Add(string id, Wire.CountermeasureSpec spec) => await Client.AddCountermeasuresAsync(
        new() { MitigationId = id, Reason = "more", Countermeasures = { spec } }, As(Roles.Operator));

    /// <summary>Null when it was done, else the code of the refusal.</summary>
    private static async Task<string?> Answer(Func<Task> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (RpcException refusal)
        {
            return refusal.Trailers.GetValue(Rejections.CodeTrailer);
        }
    }

    private async Task<IReadOnlyList<Wire.Mitigation>> Mitigations() =>
        (await Client.ListMitigationsAsync(new ListMitigationsRequest(), As(Roles.Viewer))).Mitigations;

    private static Wire.CountermeasureSpec Spec(string kind, string prefix) => new() { Kind = kind, Prefix = prefix };

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);

    private Metadata AsProvider() => _host.As(TenantId.Provider, Roles.ProviderOperator);
}
