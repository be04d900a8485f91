using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Which scrubbers a customer's traffic goes to, how it comes back, and what happens when there are not enough of them.</summary>
public sealed class PoolServiceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: others would take room
    private readonly Customer _first = Customer.New();
    private readonly Customer _second = Customer.New();
    private readonly HashSet<string> _alive = ["agent-osaka", "agent-tokyo"];
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(
            _database,
            broker,
            network,
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Scrubbers:Pools:0:Name", "osaka"),
            ("Scrubbers:Pools:0:BitsPerSecond", "1100000000"),
            ("Scrubbers:Pools:0:NextHopIPv4", "192.0.2.61"),
            ("Scrubbers:Pools:0:Return:Kind", "Gre"),
            ("Scrubbers:Pools:0:Return:Interface", "gre-back"),
            ("Scrubbers:Pools:0:Return:BothDirections", "true"),
            ("Scrubbers:Pools:1:Name", "tokyo"),
            ("Scrubbers:Pools:1:BitsPerSecond", "5000000000"),
            ("Scrubbers:Pools:1:NextHopIPv4", "192.0.2.62"),
            ("Scrubbers:Pools:1:Return:NextHopIPv4", "192.0.2.72"),
            ("Scrubbers:Agents:0:Name", "agent-osaka"),
            ("Scrubbers:Agents:0:Token", "0123456789abcdef"),
            ("Scrubbers:Agents:0:Pool", "osaka"),
            ("Scrubbers:Agents:1:Name", "agent-tokyo"),
            ("Scrubbers:Agents:1:Token", "fedcba9876543210"),
            ("Scrubbers:Agents:1:Pool", "tokyo"));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R40"), Trait("Requirement", "R26")]
    public async Task Each_customers_traffic_goes_to_the_pool_that_has_room_for_it_and_back_by_that_pools_own_way()
    {
        await Deliver(_first.Signed("198.18.60.0/24") with { AlwaysOn = true });
        await Holds("198.18.60.0/24", "192.0.2.61");
        await Deliver(_second.Signed("198.18.61.0/24") with { AlwaysOn = true });
        await Holds("198.18.61.0/24", "192.0.2.62"); // osaka has no room for all of it

        var osaka = await Sync("agent-osaka");
        Assert.Equal(["198.18.60.0/24"], osaka.Diverted);
        Assert.Equal(new ReturnPath { Interface = "gre-back" }, osaka.ReturnPath);
        var tokyo = await Sync("agent-tokyo");
        Assert.Equal(["198.18.61.0/24"], tokyo.Diverted);
        Assert.Equal(new ReturnPath { NextHopIpv4 = "192.0.2.72" }, tokyo.ReturnPath);

        // Less is needed in osaka now: who is new gets that room, and what stands stays where it is.
        await Deliver(_first.Changed(2, "198.18.60.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 100_000_000 });
        var third = Customer.New();
        await Deliver(third.Signed("198.18.62.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 50_000_000 });
        await Holds("198.18.62.0/24", "192.0.2.61");
        Assert.Equal(["198.18.61.0/24 via 192.0.2.62 [65535:65281]"], await network.AtRouter("198.18.61.0/24"));

        await Deliver(_first.Terminated());
        await Passes(async () => (await network.AtRouter("198.18.60.0/24")).Count == 0, "the end of the first");
        await Passes(async () => (await Sync("agent-osaka")).Diverted.SequenceEqual(["198.18.62.0/24"]), "its copy at the scrubbers gone");
    }

    [Fact, Trait("Requirement", "R26")]
    public async Task A_limit_that_is_crossed_is_an_event_once_each_way_and_headroom_and_level_are_visible()
    {
        await Deliver(_first.Signed("198.18.63.0/24") with { AlwaysOn = true }); // 1 of 1.1 Gbit/s
        await Passes(async () => (await Levels("osaka")).Count == 1, "the event");
        Assert.Equal((PoolLevel.NearlyFull, 1_100_000_000, 1_000_000_000), (await Levels("osaka")).Select(it => (it.Level, it.LimitBitsPerSecond, it.UsedBitsPerSecond)).Single());
        var pool = (await Capacity.ListPoolsAsync(new(), _host.As(TenantId.Provider, Roles.ProviderOperator))).Pools[0];
        Assert.Equal(("osaka", 100_000_000, "nearly-full"), (pool.Name, pool.HeadroomBitsPerSecond, pool.Level));

        await Deliver(_second.Signed("198.18.64.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 9_000_000_000 }); // nobody asked before
        await Passes(async () => (await Levels("unplaced")).Count == 1, "what fits nowhere");
        Assert.Equal(PoolLevel.Exceeded, (await Levels("unplaced"))[0].Level);

        await Deliver(_second.Terminated());
        await Deliver(_first.Changed(2, "198.18.63.0/24"));
        await Passes(async () => (await Levels("osaka")).Count == 2 && (await Levels("unplaced")).Count == 2, "the way back");
        Assert.Equal([PoolLevel.NearlyFull, PoolLevel.Ok], (await Levels("osaka")).Select(it => it.Level));
        Assert.Equal([PoolLevel.Exceeded, PoolLevel.Ok], (await Levels("unplaced")).Select(it => it.Level));
    }

    [Fact, Trait("Requirement", "R8")]
    public async Task A_flood_of_connection_attempts_is_answered_by_scrubbers_that_all_can_and_see_both_directions_and_limited_by_others()
    {
        await Deliver(_first.Signed("198.18.65.0/24"));
        await Sync("agent-osaka", synProxy: false);
        await Deliver(_first.AttackedBy("198.18.65.1/32", Customer.NewId(), "tcp-syn"));
        await Eventually.Get(
            async () => (await Sync("agent-osaka", synProxy: false)).Filters.Select(it => it.Rule.Action).Distinct().ToList(),
            seen => seen.SequenceEqual(["rate-limit"]),
            what: "limits");

        await Sync("agent-osaka", synProxy: true);
        await Deliver(_first.AttackedBy("198.18.65.2/32", Customer.NewId(), "tcp-syn"));
        var filter = (await Eventually.Get(
            async () => (await Sync("agent-osaka", synProxy: true)).Filters.Where(it => it.Destination == "198.18.65.2/32").ToList(),
            seen => seen.Count == 1,
            what: "a SYN proxy"))[0];
        Assert.Equal(("syn-proxy", 6u, 2u, 16u, 3_000), (filter.Rule.Action, filter.Rule.Protocol, filter.Rule.TcpFlagsSet, filter.Rule.TcpFlagsClear, filter.Rule.BytesPerSecond));
        await Holds("198.18.65.2/32", "192.0.2.61"); // the filter is handed out before the route is read back
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task What_fits_into_no_pool_is_led_to_none_and_the_answer_says_why()
    {
        await Deliver(_first.Signed("198.18.70.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 9_000_000_000 }); // nobody asked before
        await Passes(async () => (await Levels("unplaced")).Count == 1, "what fits nowhere");
        var mitigations = new Wire.Mitigations.MitigationsClient(_host.Channel);
        var diversion = new StartMitigationRequest
        {
            ServiceCode = _first.ServiceCode,
            Reason = "now",
            Countermeasures = { new Wire.CountermeasureSpec { Kind = "diversion", Prefix = "198.18.70.1/32" } },
        };
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => mitigations.StartMitigationAsync(diversion, _host.As(TenantId.Of(_first.TenantId), Roles.Operator)).ResponseAsync);
        Assert.Equal("capacity-exceeded", refusal.Trailers.GetValue(Rejections.CodeTrailer));

        await Sync("agent-osaka");
        await Sync("agent-tokyo");
        await Deliver(_first.AttackedBy("198.18.70.2/32", Customer.NewId(), "ntp"));
        await network.RouterHolds("198.18.70.2/32", "198.18.70.2/32 via 192.0.2.1 [65535:666 65535:65281]"); // scrubbing is passed over
        Assert.Empty(await network.AtRouter("198.18.70.0/24"));

        await Deliver(_first.Changed(2, "198.18.70.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 4_000_000_000 });
        await Holds("198.18.70.0/24", "192.0.2.62"); // what fits is diverted
    }

    [Fact, Trait("Requirement", "R6"), Trait("Requirement", "R26")]
    public async Task What_is_diverted_to_a_pool_whose_scrubbers_all_died_goes_to_another_with_room_and_stays_there()
    {
        await Deliver(_first.Signed("198.18.66.0/24") with { AlwaysOn = true });
        await Holds("198.18.66.0/24", "192.0.2.61");
        _alive.Remove("agent-osaka");
        await Holds("198.18.66.0/24", "192.0.2.62");

        var lost = (await Stream(_first)).OfType<ScrubbersLost>().Single();
        Assert.Equal(("osaka", "tokyo", "Not seen: no scrubber of osaka was heard for 10 s."), (lost.Pool, lost.MovedTo, lost.Why));
        await Passes(async () => (await Levels("osaka")).Any(it => it.Level is PoolLevel.Away), "the pool's own event");
        var pool = (await Capacity.ListPoolsAsync(new(), _host.As(TenantId.Provider, Roles.ProviderOperator))).Pools[0];
        Assert.Equal(("osaka", "away"), (pool.Name, pool.Level));

        _alive.Add("agent-osaka");
        await Passes(async () => (await Levels("osaka"))[^1].Level is PoolLevel.Ok, "the pool again");
        Assert.Equal(["198.18.66.0/24 via 192.0.2.62 [65535:65281]"], await network.AtRouter("198.18.66.0/24")); // back and forth would be worse
        Assert.Single((await Stream(_first)).OfType<ScrubbersLost>());
    }

    [Fact, Trait("Requirement", "R2"), Trait("Requirement", "R26")]
    public async Task What_joins_a_defence_goes_to_the_pool_that_its_traffic_was_led_to_meanwhile()
    {
        var anomaly = Customer.NewId();
        await Deliver(_first.Signed("198.18.73.0/24"));
        await Passes(() => Task.FromResult(true), "agents that were heard");
        await FirstIsDefendedBy(("scrubbing", 3600)); // however long looking takes below: each look moves the clock, and patience ends
        await Deliver(_first.AttackedBy("198.18.73.1/32", anomaly, "ntp"));
        await Holds("198.18.73.1/32", "192.0.2.61");
        _alive.Remove("agent-osaka");
        await Holds("198.18.73.1/32", "192.0.2.62");
        await Passes(async () => (await Levels("osaka")).Any(it => it.Level is PoolLevel.Away), "the pool's own event"); // else it may be back unmissed
        _alive.Add("agent-osaka");
        await Passes(async () => (await Levels("osaka"))[^1].Level is PoolLevel.Ok, "the pool again");

        await Deliver(_first.Grown("198.18.73.1/32", anomaly, 1, "ntp", "ssdp"));
        await Passes(async () => (await Sync("agent-tokyo")).Filters.Any(it => it.Rule.SourcePort?.From == 1900), "the filter where the traffic is");
        Assert.Empty((await Sync("agent-osaka")).Filters);
    }

    [Fact, Trait("Requirement", "R26")]
    public async Task What_is_led_to_scrubbers_by_hand_is_refused_while_none_is_there_and_the_answer_tells_that_from_a_lack_of_room()
    {
        _alive.Clear();
        await Deliver(_first.Signed("198.18.74.0/24"));
        var mitigations = new Wire.Mitigations.MitigationsClient(_host.Channel);
        Assert.Equal("scrubbers-away", await Divert()); // nobody was heard yet
        await Sync("agent-osaka");
        await Sync("agent-tokyo");
        Assert.Null(await Divert());
        await Passes(async () => (await network.AtRouter("198.18.74.1/32")).Count == 1, "the diversion");

        for (var look = 0; look < 24; look++)
        {
            await Passes(() => Task.FromResult(true), "half a second");
        }

        await Passes(async () => (await Levels("tokyo")).Any(it => it.Level is PoolLevel.Away), "that all pools are away");
        Assert.Equal("scrubbers-away", await Divert());

        async Task<string?> Divert()
        {
            var diversion = new StartMitigationRequest
            {
                ServiceCode = _first.ServiceCode,
                Reason = "now",
                Countermeasures = { new Wire.CountermeasureSpec { Kind = "diversion", Prefix = "198.18.74.1/32" } },
            };
            try
            {
                await mitigations.StartMitigationAsync(diversion, _host.As(TenantId.Of(_first.TenantId), Roles.Operator));
                return null;
            }
            catch (RpcException refusal)
            {
                return refusal.Trailers.GetValue(Rejections.CodeTrailer);
            }
        }
    }

    [Fact, Trait("Requirement", "R6"), Trait("Requirement", "R26")]
    public async Task Where_no_other_has_room_traffic_goes_its_own_way_until_scrubbers_are_there_again()
    {
        await Deliver(_first.Signed("198.18.67.0/24") with { AlwaysOn = true });
        await Holds("198.18.67.0/24", "192.0.2.61");
        await Deliver(_second.Signed("198.18.68.0/24") with { AlwaysOn = true, DeclaredBitsPerSecond = 4_500_000_000 });
        await Holds("198.18.68.0/24", "192.0.2.62");
        _alive.Remove("agent-osaka");
        await Passes(async () => (await network.AtRouter("198.18.67.0/24")).Count == 0, "no route to nobody");
        Assert.Equal(["198.18.68.0/24 via 192.0.2.62 [65535:65281]"], await network.AtRouter("198.18.68.0/24")); // a neighbour's pool is untouched
        await Passes(async () => (await Stream(_first)).OfType<CountermeasureWithdrawn>().Any(), "the withdrawal");
        Assert.Equal(WithdrawalReason.ScrubbersGone, (await Stream(_first)).OfType<CountermeasureWithdrawn>().Single().Reason);

        _alive.Add("agent-osaka");
        await Holds("198.18.67.0/24", "192.0.2.61");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task A_step_whose_scrubbers_died_is_taken_again_when_they_are_back_and_no_other_step_is_left()
    {
        await Deliver(_first.Signed("198.18.69.0/24"));
        await Passes(() => Task.FromResult(true), "agents that were heard");
        await FirstIsDefendedBy(("scrubbing", 3600));
        var anomaly = Customer.NewId();
        await Deliver(_first.AttackedBy("198.18.69.1/32", anomaly, "ntp"));
        await Holds("198.18.69.1/32", "192.0.2.61");
        _alive.Clear();
        await Passes(async () => (await network.AtRouter("198.18.69.1/32")).Count == 0, "no route to nobody");

        _alive.UnionWith(["agent-osaka", "agent-tokyo"]);
        await Holds("198.18.69.1/32", "192.0.2.61");
        var told = (await _host.Store.Tenant(TenantId.Of(_first.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(anomaly).ToString(), CancellationToken.None)).Select(it => it.Data).ToList();
        Assert.Equal("There are scrubbers again.", told.OfType<StepTaken>().Single().Why);
        Assert.Contains(told.OfType<EffectMeasured>(), it => it.Effect is { Verdict: "not-seen", Words: "Not seen: no scrubber of osaka was heard for 10 s." });
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task A_diversion_waits_until_its_scrubbers_say_that_cleaned_traffic_finds_its_way_back_and_then_stays()
    {
        const string prefix = "198.18.72.0/24";
        await Tell(returned: []);
        await Deliver(_first.Signed(prefix) with { AlwaysOn = true });
        await Eventually.Get(async () => (await Tell(returned: [])).Diverted, seen => seen.SequenceEqual([prefix]), what: "what the agent is asked for");
        Assert.Equal("requested", (await Listed()).Countermeasures.Single().Status);
        Assert.Empty(await network.AtSpeaker(prefix));

        await Tell(returned: [prefix]);
        await network.RouterHolds(prefix, $"{prefix} via 192.0.2.61 [65535:65281]");
        await Eventually.Get(Listed, seen => seen.Status == "active", what: "the record of it");
        await Tell(returned: []); // an agent that was just started anew
        await Deliver(_second.Signed("198.18.73.0/24"));
        await Deliver(_second.Attacked("198.18.73.1/32", Customer.NewId()));
        await network.RouterHolds("198.18.73.1/32", "198.18.73.1/32 via 192.0.2.1 [65535:666 65535:65281]"); // compared since
        Assert.Single(await network.AtRouter(prefix));

        async Task<SyncFiltersResponse> Tell(string[] returned)
        {
            _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
                new SyncFiltersRequest { TellsReturned = true, Returned = { returned } },
                new Metadata { { "x-platform-scrubber", "agent-osaka:0123456789abcdef" } });
        }

        async Task<Wire.Mitigation> Listed() => (await new Wire.Mitigations.MitigationsClient(_host.Channel).ListMitigationsAsync(
            new(), _host.As(TenantId.Of(_first.TenantId), Roles.Viewer))).Mitigations.Single();
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task What_stands_in_the_stead_of_dead_scrubbers_comes_after_the_steps_patience_and_goes_when_they_are_back()
    {
        const string target = "198.18.71.1/32";
        await Deliver(_first.Signed("198.18.71.0/24"));
        await Passes(() => Task.FromResult(true), "agents that were heard");
        await FirstIsDefendedBy(("scrubbing", 20), ("blackhole", 20));
        await Deliver(_first.AttackedBy(target, Customer.NewId(), "ntp"));
        await Holds(target, "192.0.2.61");

        _alive.Clear();
        await Passes(async () => (await network.AtRouter(target)).SequenceEqual([$"{target} via 192.0.2.1 [65535:666 65535:65281]"]), "the blackhole");
        var told = await Stream(_first);
        var (left, taken) = (told.OfType<CountermeasureDropped>().First().DroppedAt, told.OfType<StepTaken>().Single());
        Assert.Equal((1, 0), (taken.Step, taken.InsteadOf));
        Assert.True(taken.TakenAt - left >= TimeSpan.FromSeconds(20), $"{taken.TakenAt - left} after the diversion was left");

        _alive.UnionWith(["agent-osaka", "agent-tokyo"]);
        await Holds(target, "192.0.2.61");
        told = await Stream(_first);
        Assert.Equal((0, null, "There are scrubbers again."), (told.OfType<StepTaken>().Last().Step, told.OfType<StepTaken>().Last().InsteadOf, told.OfType<StepTaken>().Last().Why));
        await Passes(
            async () => (await Stream(_first)).OfType<CountermeasureWithdrawn>().Any(it => it.Reason is WithdrawalReason.ScrubbersBack), "the end of the blackhole");
    }

    private async Task FirstIsDefendedBy(params (string Kind, int PatienceSeconds)[] steps)
    {
        var policy = new Wire.DefensePolicy { Mode = "automatic" };
        policy.Steps.AddRange(steps.Select(it => new Wire.DefenseStep { Kind = it.Kind, PatienceSeconds = it.PatienceSeconds }));
        await new Wire.Mitigations.MitigationsClient(_host.Channel).SetDefensePolicyAsync(
            new() { ServiceCode = _first.ServiceCode, ObjectId = _first.ContractId.ToString(), Reason = "test", Policy = policy },
            _host.As(TenantId.Of(_first.TenantId), Roles.Administrator));
        await _host.CatchUp();
    }

    /// <summary>Of the mitigation that stands for its order.</summary>
    private async Task<IReadOnlyList<MitigationEvent>> Stream(Customer customer)
    {
        var session = _host.Store.Tenant(TenantId.Of(customer.TenantId));
        var key = (await session.Keys(MitigationState.Stream, CancellationToken.None)).Single();
        return [.. (await session.Read(MitigationState.Stream, key, CancellationToken.None)).Select(it => (MitigationEvent)it.Data)];
    }

    private Wire.Capacity.CapacityClient Capacity => new(_host.Channel);

    private async Task<SyncFiltersResponse> Sync(string agent, bool synProxy = false) =>
        await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
            new SyncFiltersRequest { SynProxy = synProxy },
            new Metadata { { "x-platform-scrubber", $"{agent}:{(agent == "agent-osaka" ? "0123456789abcdef" : "fedcba9876543210")}" } });

    private async Task<IReadOnlyList<PoolLimitCrossed>> Levels(string pool) =>
    [
        .. (await _host.Store.Tenant(TenantId.Provider).Read(PoolState.Stream, PoolState.KeyOf(pool), CancellationToken.None))
            .Select(it => (PoolLimitCrossed)it.Data),
    ];

    private Task Holds(string prefix, string nextHop) => Passes(
        async () => (await network.AtRouter(prefix)).SequenceEqual([$"{prefix} via {nextHop} [65535:65281]"]), $"{prefix} via {nextHop}");

    private Task Passes(Func<Task<bool>> until, string what) => Eventually.True(
        async () =>
        {
            foreach (var agent in _alive)
            {
                await Sync(agent);
            }

            _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return await until();
        },
        TimeSpan.FromSeconds(30),
        what);

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
