using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Mitigation.V1.Mitigations.MitigationsClient;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Rules at real routers, the kill switch, and everything that is done by hand.</summary>
public sealed class DefenceServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private static readonly TimeSpan PastTheHold = TimeSpan.FromSeconds(31);
    private readonly Customer _customer = Customer.New();
    private readonly Guid _anomaly = Customer.NewId();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await Start();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory, Trait("Requirement", "R2")]
    [InlineData("203.0.113.0/24", "203.0.113.10/32")]
    [InlineData("2001:db8:10::/48", "2001:db8:10::1/128")]
    public async Task An_attack_with_a_narrow_vector_becomes_a_rule_at_the_router_and_the_host_stays_reachable(string prefix, string target)
    {
        await using var announced = await _host.Listen<Contracts.Mitigation.V1.CountermeasureAnnounced>();
        await Deliver(_customer.Signed(prefix));

        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp", "udp"));

        await network.RouterHasRule($"destination: {target}", "[protocol: ==udp]", "[source-port: ==123]", "discard");
        var fact = await announced.Get(it => it.AnomalyId == _anomaly);
        Assert.Equal(("flowspec", $"to {target} udp source-port 123 discard", "edge"), (fact.Kind, fact.Route, fact.Speaker));
        Assert.Empty(await network.AtRouter(target));

        await Deliver(_customer.Relieved(target, _anomaly));
        await _host.CatchUp();
        _host.Clock.Advance(PastTheHold);
        await network.RouterHasNoRule(target);
    }

    [Fact]
    public async Task WhenAnomalyChanged_brings_a_vector_it_gains_its_rule_whatever_comes_twice_or_in_the_wrong_order()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var early = Deliver(_customer.Grown("203.0.113.11/32", _anomaly, 1, "ntp", "ssdp")); // before the beginning, over another queue
        await Deliver(_customer.AttackedBy("203.0.113.11/32", _anomaly, "ntp"));
        await network.RouterHasRule("203.0.113.11/32", "[source-port: ==123]");
        await early;
        await network.RouterHasRule("203.0.113.11/32", "[source-port: ==1900]");

        await Deliver(_customer.Grown("203.0.113.11/32", _anomaly, 2, "ntp", "ssdp"));
        await Deliver(_customer.Grown("203.0.113.11/32", _anomaly, 3, "ntp", "ssdp", "snmp"));
        await network.RouterHasRule("203.0.113.11/32", "[source-port: ==161]");
        Assert.Equal(3, (await Mitigations()).Single().Countermeasures.Count);
    }

    [Fact]
    public async Task A_rule_of_every_kind_is_read_back_as_it_was_sent()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var rules = new[]
        {
            new Rule { Action = "discard", Protocol = 6, TcpFlagsSet = 2, TcpFlagsClear = 16 },
            new Rule { Action = "discard", Protocol = 6, TcpFlagsClear = 31 },
            new Rule { Action = "rate-limit", BytesPerSecond = 1_250_000, Protocol = 17 },
            new Rule { Action = "redirect", Protocol = 17, DestinationPort = new() { From = 1000, To = 2000 } },
            new Rule { Action = "discard", Fragment = true },
            new Rule { Action = "discard", Protocol = 17, PacketLength = new() { From = 468, To = 1500 }, Source = "198.51.100.0/24" },
            new Rule { Action = "accept", Source = "192.0.2.0/24" },
            new Rule { Action = "discard", Protocol = 1 },
        };
        await ByHand("203.0.113.12/32", rules);

        // All of them become active: what was read back equals what was asked for, or they would be put in again and again.
        var listed = await Eventually.Get(
            Mitigations, seen => seen.Single().Countermeasures.All(it => it.Status == "announced"), what: "all rules read back");
        Assert.Equal(rules.Length, listed.Single().Countermeasures.Count);
        Assert.Equal(rules.Length, (await ANetwork.Rules(network.Router)).Count(rule => rule.Contains("203.0.113.12/32", StringComparison.Ordinal)));
        await network.RouterHasRule("203.0.113.12/32", "[tcp-flags: =S&!A]", "discard");
        await network.RouterHasRule("203.0.113.12/32", "[destination-port: >=1000&<=2000]", "redirect: 64500:100");
        await network.RouterHasRule("203.0.113.12/32", "[fragment: =is-fragment]", "discard");
        await network.RouterHasRule("203.0.113.12/32", "[protocol: ==udp]", "rate: 1250000");
    }

    [Fact]
    public async Task A_speaker_that_was_killed_holds_the_rules_again_and_the_drift_is_an_event()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy("203.0.113.13/32", _anomaly, "memcached"));
        await network.RouterHasRule("203.0.113.13/32");
        var active = await Eventually.Get(Mitigations, seen => seen.Single().Status == "active", what: "an active mitigation");

        await network.Speaker.Kill();
        await network.RouterHasNoRule("203.0.113.13/32");
        await network.Speaker.Start();
        await network.Session();

        await network.RouterHasRule("203.0.113.13/32", "[source-port: ==11211]");
        _host.Clock.Advance(TimeSpan.FromMinutes(1)); // what other tests left may have been drift a moment ago
        var drift = await Eventually.Get(Drift, seen => seen.Any(it => it.Missing > 0), what: "the drift in the speaker's stream");
        Assert.Contains(Guid.Parse(active.Single().Countermeasures.Single().CountermeasureId), drift.Last(it => it.Missing > 0).Countermeasures!);
    }

    [Fact]
    public async Task A_session_that_flaps_gets_everything_back_and_rules_of_others_are_left_alone()
    {
        await network.Speaker.Gobgp(
            "global", "rib", "add", "-a", "ipv4-flowspec", "match", "destination", "198.51.100.9/32", "protocol", "udp", "then", "discard");
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy("203.0.113.14/32", _anomaly, "chargen"));
        await network.RouterHasRule("203.0.113.14/32");

        await network.Router.Gobgp("neighbor", "127.0.0.2", "disable");
        await network.RouterHasNoRule("203.0.113.14/32");
        await network.Router.Gobgp("neighbor", "127.0.0.2", "enable");
        await network.Session();
        await network.RouterHasRule("203.0.113.14/32", "[source-port: ==19]");
        await network.RouterHasRule("198.51.100.9/32");
    }

    [Fact]
    public async Task The_kill_switch_withdraws_everything_within_two_seconds_and_stays()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy("203.0.113.15/32", _anomaly, "snmp"));
        await Deliver(_customer.Attacked("203.0.113.16/32", Customer.NewId()));
        await network.RouterHasRule("203.0.113.15/32");
        await network.RouterHolds("203.0.113.16/32", "203.0.113.16/32 via 192.0.2.1 [65535:666 65535:65281]");
        var client = new Client(_host.Channel);
        await Refused(StatusCode.PermissionDenied, () => client.TurnKillSwitchAsync(
            new() { Engage = true, Reason = "not my business" }, As(Roles.Administrator)).ResponseAsync);
        await Refused(StatusCode.InvalidArgument, () => client.TurnKillSwitchAsync(
            new() { Engage = true }, AsProvider()).ResponseAsync);

        await client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        try
        {
            await Eventually.True(
                async () => (await network.AtSpeaker("203.0.113.16/32")).Count == 0
                    && !(await ANetwork.Rules(network.Speaker)).Any(rule => rule.Contains("203.0.113.15/32", StringComparison.Ordinal)),
                TimeSpan.FromSeconds(2),
                "an empty speaker");
            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            await Eventually.Get(Mitigations, seen => seen.All(it => it.Status == "ended"), what: "the end of all mitigations");

            await Deliver(_customer.AttackedBy("203.0.113.15/32", Customer.NewId(), "snmp"));
            await _host.CatchUp();
            Assert.Contains(await Mitigations(), it => it is { Status: "failed", Failure: "kill-switch-engaged" });
            var byHand = await Assert.ThrowsAsync<RpcException>(() => ByHand("203.0.113.17/32", new Rule { Action = "discard", Protocol = 17 }));
            Assert.Equal("kill-switch-engaged", byHand.Trailers.GetValue(Rejections.CodeTrailer));
            var position = await client.GetKillSwitchAsync(new(), AsProvider());
            Assert.Equal((true, "routers misbehave"), (position.Engaged, position.Reason));
        }
        finally
        {
            await client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        }

        await _host.CatchUp();
        await Deliver(_customer.AttackedBy("203.0.113.18/32", Customer.NewId(), "snmp"));
        await network.RouterHasRule("203.0.113.18/32"); // new attacks are answered again
        _host.Clock.Advance(TimeSpan.FromSeconds(2));
        await network.RouterHasRule("203.0.113.15/32"); // and those that go on
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task What_is_done_by_hand_is_for_the_own_tenant_with_reason_and_stands_in_the_stream_with_who_and_why()
    {
        var other = Customer.New();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(other.Signed("198.51.100.0/24"));
        await Deliver(other.AttackedBy("198.51.100.20/32", Customer.NewId(), "ntp"));
        await network.RouterHasRule("198.51.100.20/32");
        var client = new Client(_host.Channel);
        var request = Request("203.0.113.20/32", new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 53, To = 53 } });
        await Refused(StatusCode.PermissionDenied, () => client.StartMitigationAsync(request, As(Roles.Viewer)).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.StartMitigationAsync(
            request, _host.As(TenantId.Of(other.TenantId), Roles.Operator)).ResponseAsync);
        var theirs = Request("198.51.100.20/32", new Rule { Action = "discard", Protocol = 17 });
        await Refused(StatusCode.PermissionDenied, () => client.StartMitigationAsync(theirs, As(Roles.Operator)).ResponseAsync);

        var id = (await client.StartMitigationAsync(request, As(Roles.Operator))).MitigationId;
        await network.RouterHasRule("203.0.113.20/32", "[source-port: ==53]");
        await client.AddCountermeasuresAsync(
            new()
            {
                MitigationId = id,
                Reason = "ssdp too",
                Countermeasures = { Spec("203.0.113.20/32", new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 1900, To = 1900 } }) },
            },
            As(Roles.Operator));
        await network.RouterHasRule("203.0.113.20/32", "[source-port: ==1900]");
        await client.ExtendMitigationAsync(new() { MitigationId = id, DurationSeconds = 7200, Reason = "goes on" }, As(Roles.Operator));
        var first = (await Mitigations()).Single().Countermeasures.Single(it => it.Route.Contains("source-port 53 ", StringComparison.Ordinal));
        await client.StopCountermeasureAsync(
            new() { MitigationId = id, CountermeasureId = first.CountermeasureId, Reason = "resolvers suffer" }, As(Roles.Operator));
        await Eventually.Get(
            () => ANetwork.Rules(network.Router), seen => !seen.Any(rule => rule.Contains("203.0.113.20/32", StringComparison.Ordinal)
                && rule.Contains("[source-port: ==53]", StringComparison.Ordinal)), what: "the stopped rule to go");
        await network.RouterHasRule("203.0.113.20/32", "[source-port: ==1900]");

        var stream = await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(MitigationState.Stream, id, TestContext.Current.CancellationToken);
        var byHand = stream.Where(it => it.Data is MitigationStarted or MitigationExtended or CountermeasureDropped).ToList();
        Assert.Equal(3, byHand.Count);
        Assert.All(byHand, it => Assert.Equal("0190eeee-0000-7000-8000-000000000001", it.Metadata.Actor));
        Assert.Equal("resolvers suffer", byHand.Select(it => it.Data).OfType<CountermeasureDropped>().Single().Note);

        await client.WithdrawMitigationAsync(new() { MitigationId = id, Reason = "over" }, As(Roles.Operator));
        await network.RouterHasNoRule("203.0.113.20/32");
        await network.RouterHasRule("198.51.100.20/32"); // the neighbour's path is untouched
    }

    [Fact]
    public async Task What_stands_by_hand_expires_by_itself()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand("203.0.113.21/32", new Rule { Action = "discard", Protocol = 17 });
        await network.RouterHasRule("203.0.113.21/32");
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromHours(1));
        await network.RouterHasNoRule("203.0.113.21/32");
    }

    [Fact]
    public async Task An_attack_whose_beginning_was_lost_is_defended_when_it_is_heard_that_it_grew()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Grown("203.0.113.31/32", _anomaly, 1, "ntp", "ssdp"));
        await network.RouterHasRule("203.0.113.31/32", "[source-port: ==123]");
        await network.RouterHasRule("203.0.113.31/32", "[source-port: ==1900]");

        await Deliver(_customer.AttackedBy("203.0.113.31/32", _anomaly, "ntp")); // late
        await _host.CatchUp();
        Assert.Equal("active", (await Eventually.Get(Mitigations, seen => seen.Single().Status == "active", what: "that it stands")).Single().Status);
        await Deliver(_customer.Relieved("203.0.113.31/32", _anomaly));
        await _host.CatchUp();
        _host.Clock.Advance(PastTheHold);
        await network.RouterHasNoRule("203.0.113.31/32");
    }

    [Fact]
    public async Task A_policy_that_wants_approval_waits_for_it()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await SetPolicy("after-approval", "198.51.100.0/24");
        await Deliver(_customer.AttackedBy("203.0.113.22/32", _anomaly, "ntp"));
        await _host.CatchUp();
        var proposed = (await Mitigations()).Single();
        Assert.Equal("proposed", proposed.Status);
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.22/32", StringComparison.Ordinal));

        var client = new Client(_host.Channel);
        var approval = new ApproveMitigationRequest { MitigationId = proposed.MitigationId, Reason = "looks right" };
        await Refused(StatusCode.PermissionDenied, () => client.ApproveMitigationAsync(approval, As(Roles.Viewer)).ResponseAsync);
        await client.ApproveMitigationAsync(approval, As(Roles.Operator));
        await network.RouterHasRule("203.0.113.22/32", "[source-port: ==123]", "discard");
        await network.RouterHasRule("203.0.113.22/32", "[source: 198.51.100.0/24]"); // the allow-list goes in with it
    }

    [Fact]
    public async Task A_named_object_without_a_policy_is_defended_as_its_contract_has_it()
    {
        var (shop, client) = (Customer.NewId(), new Client(_host.Channel));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await SetPolicy("after-approval");
        await Deliver(_customer.AttackedBy("203.0.113.29/32", _anomaly, "ntp") with { ObjectId = shop });
        await _host.CatchUp();

        Assert.Equal("proposed", (await Mitigations()).Single().Status);
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.29/32", StringComparison.Ordinal));
        var shown = await client.GetDefensePolicyAsync(new() { ObjectId = shop.ToString(), ServiceCode = _customer.ServiceCode }, As(Roles.Viewer));
        Assert.Equal(("after-approval", true), (shown.Policy.Mode, shown.IsDefault));

        await client.SetDefensePolicyAsync(
            new() { ServiceCode = _customer.ServiceCode, ObjectId = shop.ToString(), Reason = "agreed for the shop", Policy = new(shown.Policy) { Mode = "automatic" } },
            As(Roles.Administrator));
        await _host.CatchUp();
        await Deliver(_customer.AttackedBy("203.0.113.30/32", Customer.NewId(), "ntp") with { ObjectId = shop });
        await network.RouterHasRule("203.0.113.30/32", "[source-port: ==123]", "discard");
    }

    [Fact]
    public async Task A_dry_run_records_and_touches_nothing()
    {
        await _host.DisposeAsync();
        _host = await Start(("Mitigations:DryRun", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy("203.0.113.23/32", _anomaly, "ntp"));
        await Deliver(_customer.Attacked("203.0.113.24/32", Customer.NewId()));
        await _host.CatchUp();

        Assert.All(await Mitigations(), it => Assert.Equal("rehearsed", it.Status));
        Assert.Equal(
            ["203.0.113.24/32", "to 203.0.113.23/32 udp source-port 123 discard"],
            (await Mitigations()).SelectMany(it => it.Countermeasures).Select(it => it.Route).Order(StringComparer.Ordinal));
        Assert.Empty(await network.AtSpeaker("203.0.113.24/32"));
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.23/32", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_row_past_the_hard_limits_is_not_announced_however_it_came_into_the_view()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.25/32", _anomaly));
        await network.RouterHolds("203.0.113.25/32", "203.0.113.25/32 via 192.0.2.1 [65535:666 65535:65281]");
        await Execute("update views.countermeasures_v1 set prefix = '0.0.0.0/0' where prefix = '203.0.113.25/32'");

        await network.RouterHolds("203.0.113.25/32");
        Assert.Empty(await network.AtSpeaker("0.0.0.0/0"));
        await Execute("update views.countermeasures_v1 set prefix = '203.0.113.25/32' where prefix = '0.0.0.0/0'");
        await network.RouterHolds("203.0.113.25/32", "203.0.113.25/32 via 192.0.2.1 [65535:666 65535:65281]");
    }

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        database, broker, network, [("Bgp:Speakers:0:FlowSpec", "true"), ("Bgp:RedirectTo", "64500:100"), .. settings]);

    private async Task Execute(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    [Fact, Trait("Requirement", "R36")]
    public async Task What_an_operator_wrote_is_sealed_in_the_database_and_dies_with_the_key_while_the_record_stays_until_its_own_term()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var rule = new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 53, To = 53 } };
        var id = (await new Client(_host.Channel).StartMitigationAsync(Request("203.0.113.71/32", rule), As(Roles.Operator))).MitigationId;
        await new Client(_host.Channel).ExtendMitigationAsync(
            new() { MitigationId = id, DurationSeconds = 7200, Reason = "canary: the Satos called" }, As(Roles.Operator));
        await SetPolicy("automatic");

        Assert.Equal(["customer called", "canary: the Satos called"], await Notes());
        await using var source = Npgsql.NpgsqlDataSource.Create(database.ConnectionString);
        await using var open = source.CreateCommand(
            "select count(*) from events.mt_events where data::text ~ 'canary|customer called|as agreed' or headers::text ~ 'canary|customer called'");
        Assert.Equal(0L, await open.ExecuteScalarAsync(TestContext.Current.CancellationToken));

        await using var erased = await _host.Listen<Contracts.Retention.V1.DataErased>();
        await Deliver(new Contracts.Retention.V1.ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        });

        var proof = await erased.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Equal([KeyValuePair.Create(TenantSession.ErasedKeys, 1L)], proof.Counts);
        Assert.Equal([SealedAttribute.ErasedValue, SealedAttribute.ErasedValue], await Notes());
        await new Client(_host.Channel).WithdrawMitigationAsync(new() { MitigationId = id, Reason = "over" }, As(Roles.Operator));
        await network.RouterHasNoRule("203.0.113.71/32");

        async Task<IEnumerable<string?>> Notes()
        {
            var stream = await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(MitigationState.Stream, id, TestContext.Current.CancellationToken);
            return from it in stream
                   let note = it.Data switch { MitigationStarted e => e.Note, MitigationExtended e => e.Note, _ => null }
                   where note is not null
                   select note;
        }
    }

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);

    private Metadata AsProvider() => _host.As(TenantId.Provider, Roles.ProviderOperator);

    private static Wire.CountermeasureSpec Spec(string prefix, Rule rule) => new() { Kind = "flowspec", Prefix = prefix, Rule = rule };

    private StartMitigationRequest Request(string prefix, params Rule[] rules) => new()
    {
        ServiceCode = _customer.ServiceCode,
        Reason = "customer called",
        Countermeasures = { rules.Select(rule => Spec(prefix, rule)) },
    };

    private async Task ByHand(string prefix, params Rule[] rules) =>
        await new Client(_host.Channel).StartMitigationAsync(Request(prefix, rules), As(Roles.Operator));

    private async Task SetPolicy(string mode, params string[] allowed)
    {
        var client = new Client(_host.Channel);
        await client.SetDefensePolicyAsync(
            new()
            {
                ServiceCode = _customer.ServiceCode,
                ObjectId = _customer.ContractId.ToString(),
                Reason = "as agreed",
                Policy = new()
                {
                    Mode = mode,
                    AllowedSources = { allowed },
                    Steps = { new Wire.DefenseStep { Kind = "flowspec-discard", PatienceSeconds = 10 } },
                },
            },
            As(Roles.Administrator));
        await _host.CatchUp();
        var read = await client.GetDefensePolicyAsync(new() { ObjectId = _customer.ContractId.ToString() }, As(Roles.Viewer));
        Assert.Equal((mode, false), (read.Policy.Mode, read.IsDefault));
    }

    private async Task<IReadOnlyList<SpeakerDriftMended>> Drift()
    {
        var session = _host.Store.Tenant(TenantId.Provider);
        var drift = new List<SpeakerDriftMended>();
        foreach (var key in await session.Keys(SpeakerState.Stream, CancellationToken.None))
        {
            drift.AddRange((await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Select(it => it.Data).OfType<SpeakerDriftMended>());
        }

        return drift;
    }

    private async Task<IReadOnlyList<Wire.Mitigation>> Mitigations()
    {
        var answer = await new Client(_host.Channel).ListMitigationsAsync(new ListMitigationsRequest(), As(Roles.Viewer));
        return answer.Mitigations;
    }

    private static async Task Refused(StatusCode status, Func<Task> call) =>
        Assert.Equal(status, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
