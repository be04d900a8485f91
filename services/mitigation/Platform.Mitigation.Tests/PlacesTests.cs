using System.Text.Json;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Scrubbers;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using ReturnPath = Platform.Mitigation.Scrubbers.ReturnPath;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Where speakers and agents stand, and what is left at those that nobody asks any more.</summary>
public sealed class PlacesTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: it remembers speakers
    private readonly Customer _customer = Customer.New();
    private readonly GoBgpServer _second = new(new() { Asn = 64514, RouterId = "192.0.2.9" });
    private ServiceHost _host = null!; // some need none

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _second.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await (_host?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _second.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R11"), Trait("Requirement", "R40")]
    public async Task To_a_speaker_abroad_go_addresses_with_an_expiry_which_is_kept_with_everything_of_ours_away()
    {
        await Start(("Bgp:Speakers:0:Location", "US"), ("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var id = await ByHand("203.0.113.150/32");
        await network.RouterHolds("203.0.113.150/32", "203.0.113.150/32 via 192.0.2.1 [65535:666 65535:65281]");
        await network.RouterHasRule("203.0.113.150/32", "[source-port: ==53]");
        var expiry = _host.Clock.GetUtcNow() + TimeSpan.FromHours(1);
        Assert.Equal([expiry, expiry], await Expiries());

        var client = new Wire.Mitigations.MitigationsClient(_host.Channel);
        await client.ExtendMitigationAsync(new() { MitigationId = id, DurationSeconds = 7_200, Reason = "canary" }, As(Roles.Operator));
        expiry = _host.Clock.GetUtcNow() + TimeSpan.FromHours(2);
        await Eventually.Get(Expiries, seen => seen.SequenceEqual([expiry, expiry]), what: "the later expiry");
        foreach (var family in (string[])["ipv4", "ipv4-flowspec"])
        {
            var held = await network.Speaker.Gobgp("global", "rib", "-a", family, "-j");
            foreach (var name in (string[])[_customer.TenantId.ToString(), _customer.ServiceCode, _customer.ContractId.ToString(), id, "canary", "customer called"])
            {
                Assert.DoesNotContain(name, held, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain(Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(name)), held, StringComparison.OrdinalIgnoreCase);
            }

            Assert.Subset(new HashSet<int> { 1, 2, 3, 8, 14, 16, 32 }, Attributes(held)); // origin, path, next hop, communities, rule, action, expiry
        }

        await _host.Stop(); // and with it all that knows a database
        var clock = new ManualTimeProvider(expiry.AddSeconds(-1));
        using var last = new ExpiredRoutes(
            Options.Create(new BgpOptions
            {
                Speakers = [new SpeakerOptions { Name = "edge", Address = network.Speaker.Api, Location = "US" }],
                CompareInterval = TimeSpan.FromMilliseconds(100),
            }),
            clock,
            NullLogger<ExpiredRoutes>.Instance);
        await last.StartAsync(CancellationToken.None);
        await network.Speaker.Gobgp("global", "rib", "add", "203.0.113.151/32", "nexthop", "192.0.2.99"); // another's, which says nothing
        await network.RouterHolds("203.0.113.151/32", "203.0.113.151/32 via 192.0.2.99 []");
        Assert.Equal([expiry, expiry], await Expiries());
        clock.Advance(TimeSpan.FromSeconds(1));

        await network.RouterHolds("203.0.113.150/32");
        await network.RouterHasNoRule("203.0.113.150/32");
        await network.RouterHolds("203.0.113.151/32", "203.0.113.151/32 via 192.0.2.99 []");
        await last.StopAsync(CancellationToken.None);
        await network.Speaker.Gobgp("global", "rib", "del", "203.0.113.151/32");
    }

    [Fact, Trait("Requirement", "R11")]
    public async Task After_the_end_nothing_is_left_at_a_speaker_abroad_and_an_extension_is_no_drift()
    {
        await Start(("Bgp:Speakers:0:Location", "US"), ("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var id = await ByHand("203.0.113.152/32");
        await network.RouterHolds("203.0.113.152/32", "203.0.113.152/32 via 192.0.2.1 [65535:666 65535:65281]");
        await _host.CatchUp();
        var drift = await Drift();
        var client = new Wire.Mitigations.MitigationsClient(_host.Channel);
        await client.ExtendMitigationAsync(new() { MitigationId = id, DurationSeconds = 7_200, Reason = "goes on" }, As(Roles.Operator));
        var expiry = _host.Clock.GetUtcNow() + TimeSpan.FromHours(2);
        await Eventually.Get(Expiries, seen => seen.SequenceEqual([expiry, expiry]), what: "the later expiry");

        await client.WithdrawMitigationAsync(new() { MitigationId = id, Reason = "over" }, As(Roles.Operator));
        await Eventually.Get(Expiries, seen => seen.Count == 0, what: "an empty speaker");
        await Eventually.Get(
            async () => (await client.ListMitigationsAsync(new(), As(Roles.Viewer))).Mitigations.Single().Status, status => status == "ended", what: "the end");
        Assert.Equal(drift, await Drift());
    }

    [Fact]
    public async Task At_home_too_routes_and_rules_end_by_their_own_word_when_nobody_is_left_to_end_them_a_moment_later()
    {
        await Start(("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.153/32");
        await network.RouterHasRule("203.0.113.153/32");
        await network.RouterHolds("203.0.113.153/32", "203.0.113.153/32 via 192.0.2.1 [65535:666 65535:65281]");
        var expiry = _host.Clock.GetUtcNow() + TimeSpan.FromHours(1);
        Assert.Equal([expiry, expiry], await Expiries());

        await _host.Stop(); // and with it all that knows a database
        var clock = new ManualTimeProvider(expiry + ExpiredRoutes.LateAtHome - TimeSpan.FromSeconds(1)); // who has a database was in time
        using var last = new ExpiredRoutes(
            Options.Create(new BgpOptions
            {
                Speakers = [new SpeakerOptions { Name = "edge", Address = network.Speaker.Api }], CompareInterval = TimeSpan.FromMilliseconds(100),
            }),
            clock,
            NullLogger<ExpiredRoutes>.Instance);
        await last.StartAsync(CancellationToken.None);
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken); // of the machine: it looks each second
        Assert.Equal([expiry, expiry], await Expiries());
        clock.Advance(TimeSpan.FromSeconds(1));

        await network.RouterHolds("203.0.113.153/32");
        await network.RouterHasNoRule("203.0.113.153/32");
        await last.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_two_defences_want_alike_is_one_route_in_force_for_both_with_the_later_end_until_both_are_over()
    {
        await Start(("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var first = await ByHand("203.0.113.149/32");
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        var later = _host.Clock.GetUtcNow() + TimeSpan.FromHours(1);
        var second = await ByHand("203.0.113.149/32");
        await Eventually.Get(Expiries, seen => seen.SequenceEqual([later, later]), what: "the later end");
        var client = new Wire.Mitigations.MitigationsClient(_host.Channel);
        await Eventually.Get(
            async () => (await client.ListMitigationsAsync(new(), As(Roles.Viewer))).Mitigations.Select(it => it.Status).ToList(),
            seen => seen.SequenceEqual(["active", "active"]),
            what: "both in force");

        await client.WithdrawMitigationAsync(new() { MitigationId = second, Reason = "over" }, As(Roles.Operator));
        await Eventually.Get(Expiries, seen => seen.SequenceEqual([later.AddMinutes(-1), later.AddMinutes(-1)]), what: "the end of the one that stands");
        await network.RouterHolds("203.0.113.149/32", "203.0.113.149/32 via 192.0.2.1 [65535:666 65535:65281]");
        await client.WithdrawMitigationAsync(new() { MitigationId = first, Reason = "over" }, As(Roles.Operator));
        await network.RouterHolds("203.0.113.149/32");
    }

    [Fact]
    public async Task Rules_of_a_speaker_that_takes_none_any_more_do_not_stay_there()
    {
        await Start(("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.154/32");
        await network.RouterHasRule("203.0.113.154/32");
        await _host.CatchUp();

        await _host.DisposeAsync();
        await Start();

        await network.RouterHasNoRule("203.0.113.154/32");
        await network.RouterHolds("203.0.113.154/32", "203.0.113.154/32 via 192.0.2.1 [65535:666 65535:65281]"); // the blackhole is another matter
    }

    [Fact]
    public async Task A_speaker_that_the_settings_name_no_longer_is_emptied_and_only_then_forgotten()
    {
        await Start(
            ("Bgp:Speakers:0:FlowSpec", "true"),
            ("Bgp:Speakers:1:Name", "second"),
            ("Bgp:Speakers:1:Address", _second.Api.ToString()),
            ("Bgp:Speakers:1:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.155/32");
        await network.RouterHasRule("203.0.113.155/32");
        await Eventually.Get(() => ANetwork.Rules(_second), seen => seen.Count == 1, what: "the rule at the second speaker");
        await _host.CatchUp();

        await _host.DisposeAsync();
        await Start(("Bgp:Speakers:0:FlowSpec", "true"));

        await Eventually.Get(() => ANetwork.Rules(_second), seen => seen.Count == 0, TimeSpan.FromSeconds(30), "no rule at the second speaker");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 0, TimeSpan.FromSeconds(30), "no route either");
        var record = await Eventually.Get(
            async () => (await Events("second")).OfType<SpeakerRetired>().ToList(), seen => seen.Count == 1, TimeSpan.FromSeconds(30), "the record of it");
        Assert.Equal(2, record[0].Withdrawn);
        await network.RouterHasRule("203.0.113.155/32"); // at the one that is still named it stands
    }

    [Fact]
    public async Task A_name_that_another_machine_got_leaves_nothing_at_the_machine_that_had_it()
    {
        await using var third = new GoBgpServer(new() { Asn = 64515, RouterId = "192.0.2.10" });
        await third.Start();
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", _second.Api.ToString()));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.158/32");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 1, what: "the route at the second speaker");
        await _host.CatchUp();
        var filled = TimeProvider.System.GetTimestamp();
        await Eventually.True(() => Task.FromResult(TimeProvider.System.GetElapsedTime(filled) > TimeSpan.FromSeconds(2))); // GoBGP tells of when in seconds

        await _host.DisposeAsync();
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", third.Api.ToString()));

        await Eventually.Get(() => third.Routes(), seen => seen.Count == 1, TimeSpan.FromSeconds(30), "the route at the machine that has the name now");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 0, TimeSpan.FromSeconds(30), "no route where the name was before");
    }

    [Fact]
    public async Task A_machine_that_replaces_another_with_its_router_id_leaves_nothing_at_the_other()
    {
        await using var third = new GoBgpServer(new() { Asn = 64514, RouterId = "192.0.2.9" }); // as _second
        await third.Start();
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", _second.Api.ToString()));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.164/32");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 1, what: "the route at the second speaker");
        await _host.CatchUp();
        var filled = TimeProvider.System.GetTimestamp();
        await Eventually.True(() => Task.FromResult(TimeProvider.System.GetElapsedTime(filled) > TimeSpan.FromSeconds(2))); // GoBGP tells of when in seconds

        await _host.DisposeAsync();
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", third.Api.ToString()));

        await Eventually.Get(() => third.Routes(), seen => seen.Count == 1, TimeSpan.FromSeconds(30), "the route at the machine that replaces it");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 0, TimeSpan.FromSeconds(30), "no route at the machine that it replaced");
    }

    [Fact]
    public async Task A_fresh_machine_at_the_address_of_a_dead_one_gets_everything_though_nobody_noticed_the_change()
    {
        await Start(("Bgp:Speakers:0:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.165/32");
        await network.RouterHasRule("203.0.113.165/32");
        await network.Speaker.Kill();
        await network.Speaker.Start(); // the same address and router id, and nothing in its table
        await Eventually.Get(() => network.AtSpeaker("203.0.113.165/32"), seen => seen.Count == 1, TimeSpan.FromSeconds(30), "the route");
        await Eventually.Get(() => ANetwork.Rules(network.Speaker), seen => seen.Any(rule => rule.Contains("203.0.113.165/32", StringComparison.Ordinal)), TimeSpan.FromSeconds(30), "the rule");
        await network.Session();
    }

    [Fact]
    public async Task That_a_speaker_is_lost_is_written_down_also_when_the_database_did_not_take_it_at_first()
    {
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", _second.Api.ToString()));
        await Eventually.Get(() => SpeakerIsAway("second"), away => away == 0, what: "the second speaker");
        await Execute("""
            create function public.stop() returns trigger language plpgsql as 'begin raise exception $$stopped$$; end';
            create trigger stop before insert or update on views.speakers_v1 for each row execute function public.stop()
            """);
        await _second.Kill();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.159/32");
        await network.RouterHolds("203.0.113.159/32", "203.0.113.159/32 via 192.0.2.1 [65535:666 65535:65281]"); // the other speaker goes on
        await Execute("drop trigger stop on views.speakers_v1");

        await Eventually.Get(() => SpeakerIsAway("second"), away => away == 1, TimeSpan.FromSeconds(30), "the loss in the view");
        await Eventually.Get(async () => (await Events("second")).OfType<SpeakerLost>().Count(), lost => lost == 1, TimeSpan.FromSeconds(30), "the loss in the stream");
    }

    private async Task<long> SpeakerIsAway(string name)
    {
        await using var asked = _database.DataSource.CreateCommand(
            $"select coalesce(max(case when away_since is null then 0 else 1 end), -1)::bigint from views.speakers_v1 where name = '{name}'");
        return (long)(await asked.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private async Task Execute(string sql)
    {
        await using var command = _database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_speaker_that_only_got_another_name_keeps_what_it_holds()
    {
        await Start(("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", _second.Api.ToString()));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.157/32");
        await Eventually.Get(() => _second.Routes(), seen => seen.Count == 1, what: "the route at the second speaker");
        await _host.CatchUp();

        await _host.DisposeAsync();
        var localhost = new UriBuilder(_second.Api) { Host = "localhost" }.Uri; // another name, and another address of the same machine
        await Start(("Bgp:Speakers:1:Name", "tokyo"), ("Bgp:Speakers:1:Address", localhost.ToString()));
        await Eventually.Get(
            async () =>
            {
                await using var remembered = _database.DataSource.CreateCommand("select array_agg(name order by name) from views.held_speakers_v2");
                return (string[])(await remembered.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
            },
            seen => seen.SequenceEqual(["edge", "tokyo"]),
            TimeSpan.FromSeconds(30),
            "the old name forgotten");
        Assert.Single(await _second.Routes());
        Assert.DoesNotContain(await Events("second"), it => it is SpeakerRetired);
    }

    [Fact, Trait("Requirement", "R11")]
    public void To_an_agent_abroad_no_name_of_an_interface_goes()
    {
        Assert.Empty(Faults("JP", new ReturnPath { Kind = ReturnKind.Gre, Interface = "gre-sato" }));
        Assert.Empty(Faults("US", new ReturnPath { NextHopIPv4 = "192.0.2.72" }));
        Assert.Contains("abroad", Assert.Single(Faults("US", new ReturnPath { Kind = ReturnKind.Gre, Interface = "gre-sato" })), StringComparison.Ordinal);
        Assert.Contains("Location", Assert.Single(Faults("Japan", null)), StringComparison.Ordinal);

        static List<string> Faults(string location, ReturnPath? back)
        {
            var options = new ScrubberOptions
            {
                Agents = [new() { Name = "agent", Token = "0123456789abcdef", Pool = "pool", Location = location }],
                Pools = [new() { Name = "pool", BitsPerSecond = 1, Return = back }],
            };
            return [.. options.Validate(new(options)).Select(it => it.ErrorMessage!)];
        }
    }

    private async Task Start(params (string Name, string Value)[] settings) =>
        _host = await AMitigationService.Start(_database, broker, network, settings);

    private async Task<string> ByHand(string prefix) => (await new Wire.Mitigations.MitigationsClient(_host.Channel).StartMitigationAsync(
        new()
        {
            ServiceCode = _customer.ServiceCode,
            Reason = "customer called",
            Countermeasures =
            {
                new Wire.CountermeasureSpec { Kind = "blackhole", Prefix = prefix },
                new Wire.CountermeasureSpec
                {
                    Kind = "flowspec",
                    Prefix = prefix,
                    Rule = new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 53, To = 53 } },
                },
            },
        },
        As(Roles.Operator))).MitigationId;

    /// <summary>When what the speaker holds ends, by its own word.</summary>
    private async Task<IReadOnlyList<DateTimeOffset>> Expiries()
    {
        using var speaker = new BgpSpeaker(
            new SpeakerOptions { Name = "edge", Address = network.Speaker.Api, FlowSpec = true }, 0x504C4154, TimeSpan.FromSeconds(5), pools: []);
        return [.. (await speaker.ReadOwn(TestContext.Current.CancellationToken)).Select(route => route.ExpiresAt).OfType<DateTimeOffset>()];
    }

    private static HashSet<int> Attributes(string json)
    {
        var table = JsonSerializer.Deserialize<JsonElement>(json);
        return table.ValueKind is not JsonValueKind.Object
            ? []
            : [.. from entry in table.EnumerateObject() from path in entry.Value.EnumerateArray() from it in path.GetProperty("attrs").EnumerateArray() select it.GetProperty("type").GetInt32()];
    }

    private async Task<int> Drift() => (await Events("edge")).OfType<SpeakerDriftMended>().Count();

    private async Task<IReadOnlyList<object>> Events(string speaker)
    {
        var (session, events) = (_host.Store.Tenant(TenantId.Provider), new List<object>());
        foreach (var key in (await session.Keys(SpeakerState.Stream, CancellationToken.None)).Where(key => key.StartsWith(speaker, StringComparison.Ordinal)))
        {
            events.AddRange((await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Select(it => it.Data));
        }

        return events;
    }

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);
}
