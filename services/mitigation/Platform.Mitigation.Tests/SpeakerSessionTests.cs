using System.Net;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Bgp.Wire;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Path = Platform.Mitigation.Bgp.Wire.Path;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>A route in the table of a speaker whose routers do not hear it stops nothing, and is not called active.</summary>
public sealed class SpeakerSessionTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(_database, broker, network, ("Bgp:Speakers:0:FlowSpec", "true"));
        await _host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task What_stands_is_missing_while_no_session_is_up_and_what_is_ordered_then_is_active_only_with_the_next()
    {
        await ByHand("203.0.113.160/32");
        await Stands("203.0.113.160/32", "active", holding: 1);
        Assert.Equal([(network.Router.Address, true)], await Sessions());
        Assert.Equal(["1/1", "1/133", "2/1", "2/133"], (await Speaker()).Sessions.Single().Families.Order());

        await network.Router.Kill();
        await Stands("203.0.113.160/32", "missing", holding: 0);
        Assert.Equal([(network.Router.Address, false)], await Sessions());
        await ByHand("203.0.113.161/32");
        await Eventually.Get(() => network.AtSpeaker("203.0.113.161/32"), seen => seen.Count == 1, what: "the route in the table");
        await _host.CatchUp();
        await Stands("203.0.113.161/32", "starting", holding: 0);

        await network.Router.Start();
        await Stands("203.0.113.160/32", "active", holding: 1);
        await Stands("203.0.113.161/32", "active", holding: 1);
        await network.RouterHolds("203.0.113.161/32", "203.0.113.161/32 via 192.0.2.1 [65535:666 65535:65281]");
        await Eventually.Get(Changes, seen => seen.SequenceEqual([false, true]), what: "both changes in the speaker's stream");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task What_lies_in_the_table_behind_somebodys_better_path_reaches_no_router_and_is_not_called_active()
    {
        string[] theirs = ["203.0.113.163/32", "nexthop", "192.0.2.99", "local-pref", "200"];
        await ByHand("203.0.113.163/32");
        await Stands("203.0.113.163/32", "active", holding: 1);

        await network.Speaker.Gobgp(["global", "rib", "add", .. theirs]);
        await Stands("203.0.113.163/32", "missing", holding: 0);
        await network.RouterHolds("203.0.113.163/32", "203.0.113.163/32 via 192.0.2.99 []");
        await network.Speaker.Gobgp(["global", "rib", "del", .. theirs]);
        await Stands("203.0.113.163/32", "active", holding: 1);

        theirs[0] = "203.0.113.164/32"; // first now
        await network.Speaker.Gobgp(["global", "rib", "add", .. theirs]);
        await ByHand("203.0.113.164/32");
        await Eventually.Get(() => network.AtSpeaker("203.0.113.164/32"), seen => seen.Count == 2, what: "both paths in the table");
        await _host.CatchUp();
        await Stands("203.0.113.164/32", "starting", holding: 0);
        await network.Speaker.Gobgp(["global", "rib", "del", .. theirs]);
        await Stands("203.0.113.164/32", "active", holding: 1);
        await network.RouterHolds("203.0.113.164/32", "203.0.113.164/32 via 192.0.2.1 [65535:666 65535:65281]");
    }

    [Fact]
    public void The_same_from_another_installation_is_as_good_as_our_own_but_not_from_a_router()
    {
        var route = SpeakerRoute.To(IPNetwork.Parse("203.0.113.7/32"), IPAddress.Parse("192.0.2.1"), [Community.Blackhole]);
        var own = new Path { Nlri = route.Nlri, Pattrs = { route.Attributes } };
        var same = new Path(own) { Best = true, NeighborIp = "<nil>" };
        var learned = new Path(same) { NeighborIp = network.Router.Address };
        var other = new Path { Nlri = route.Nlri, Best = true, NeighborIp = "<nil>" };

        Assert.True(SpeakerRoute.Read(new Path(own) { Best = true }, route.Family, best: null).IsTold);
        Assert.True(SpeakerRoute.Read(own, route.Family, same).IsTold);
        Assert.All([learned, other, null], best => Assert.False(SpeakerRoute.Read(own, route.Family, best).IsTold));
        Assert.All([same, other], best => Assert.Equal(route, SpeakerRoute.Read(own, route.Family, best))); // never put in again for it
    }

    [Fact]
    public async Task Who_fights_us_fills_no_stream_one_record_a_minute_tells_of_all_of_it_and_of_no_customer()
    {
        await ByHand("203.0.113.162/32");
        await Stands("203.0.113.162/32", "active", holding: 1);
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromSeconds(61)); // what others left at the speaker was told of in the minute before
        for (var blow = 0; blow < 4; blow++)
        {
            await network.Speaker.Gobgp("global", "rib", "del", "-a", "ipv4", "all");
            await Eventually.Get(() => network.AtSpeaker("203.0.113.162/32"), seen => seen.Count == 1, what: "the route again");
        }

        var first = Assert.Single(await Eventually.Get(Lost, seen => seen.Count > 0, what: "the first record"));
        _host.Clock.Advance(TimeSpan.FromSeconds(61));
        var sum = (await Eventually.Get(Lost, seen => seen.Count == 2, TimeSpan.FromSeconds(30), "the sum"))[^1];

        Assert.Equal((1, 3), (first.Missing, sum.Missing));
        Assert.Equal(Assert.Single(first.Countermeasures!), Assert.Single(sum.Countermeasures!));
        Assert.DoesNotContain("203.0.113", await Stored("speaker_drift_mended"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_does_not_reach_a_router_that_speaks_no_rules_and_a_speaker_without_neighbours_is_one_by_design()
    {
        var rule = SpeakerRoute.Of(
            new(IPNetwork.Parse("203.0.113.7/32"), TrafficAction.Discard), []);
        var route = SpeakerRoute.To(IPNetwork.Parse("203.0.113.7/32"), IPAddress.Parse("192.0.2.1"), []);
        var plain = SpeakerSession.Read(new PeerState { SessionState = SessionState.Established, LocalCap = { Speaks(1, 1), Speaks(1, 133) } });
        var both = SpeakerSession.Read(new PeerState
        {
            SessionState = SessionState.Established, LocalCap = { Speaks(1, 1), Speaks(1, 133) }, RemoteCap = { Speaks(1, 133), Speaks(1, 1) },
        });
        var down = SpeakerSession.Read(new PeerState { SessionState = SessionState.Active, LocalCap = { Speaks(1, 1) } });

        Assert.Equal((true, false), (SpeakerSession.Reach([plain, down], route), SpeakerSession.Reach([plain, down], rule)));
        Assert.Equal((true, true), (SpeakerSession.Reach([down, both], route), SpeakerSession.Reach([down, both], rule)));
        Assert.False(SpeakerSession.Reach([down], route));
        Assert.True(SpeakerSession.Reach([], rule));

        static Any Speaks(int afi, int safi) => Any.Pack(new MultiProtocolCapability { Family = new() { Afi = afi, Safi = safi } });
    }

    private async Task Stands(string prefix, string status, int holding) => await Eventually.Get(
        async () =>
        {
            var all = (await new Wire.Mitigations.MitigationsClient(_host.Channel).ListMitigationsAsync(new(), As(Roles.Viewer))).Mitigations;
            var it = all.Single(one => one.Target == prefix);
            return (it.Status, Holding: it.Countermeasures.Single().AnnouncedBy.Count, Missing: it.Countermeasures.Single().MissingAt.Count);
        },
        seen => seen == (status, holding, 1 - holding),
        TimeSpan.FromSeconds(60),
        $"{prefix} {status}");

    private async Task<Speaker> Speaker() => (await new Speakers.SpeakersClient(_host.Channel).ListSpeakersAsync(
        new(), _host.As(TenantId.Provider, Roles.ProviderOperator))).Speakers.Single();

    private async Task<IReadOnlyList<(string, bool)>> Sessions() => [.. (await Speaker()).Sessions.Select(it => (it.Neighbour, it.Established))];

    private async Task<IReadOnlyList<bool>> Changes() => [.. (await Events()).OfType<SpeakerSessionChanged>().Select(it => it.IsEstablished)];

    private async Task<IReadOnlyList<SpeakerDriftMended>> Lost() => [.. (await Events()).OfType<SpeakerDriftMended>().Where(it => it.Missing > 0)];

    private async Task<IReadOnlyList<object>> Events()
    {
        var (session, events) = (_host.Store.Tenant(TenantId.Provider), new List<object>());
        foreach (var key in await session.Keys(SpeakerState.Stream, CancellationToken.None))
        {
            events.AddRange((await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Select(it => it.Data));
        }

        return events;
    }

    private async Task<string> Stored(string type)
    {
        await using var asked = _database.DataSource.CreateCommand($"select string_agg(data::text, ' ') from events.mt_events where type = '{type}'");
        return (string)(await asked.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private async Task ByHand(string prefix) => await new Wire.Mitigations.MitigationsClient(_host.Channel).StartMitigationAsync(
        new()
        {
            ServiceCode = _customer.ServiceCode,
            Reason = "customer called",
            Countermeasures = { new Wire.CountermeasureSpec { Kind = "blackhole", Prefix = prefix } },
        },
        As(Roles.Operator));

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);
}
