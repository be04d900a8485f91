using Grpc.Core;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>Each sentence tries to get past a rail around a corner: by hand, by a setting that changed, by a restart.</summary>
public sealed class RailsThatBindTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network) : ADefendedCustomer(postgres, broker, network)
{
    [Fact]
    public async Task Allowed_sources_of_installation_and_policy_pass_first_in_what_the_rules_do_and_in_what_is_done_by_hand()
    {
        await Again(("Mitigations:AllowedSources:0", "192.0.2.53/32"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic", "198.51.100.0/24");
        await Deliver(Customer.AttackedBy("203.0.113.130/32", Tests.Customer.NewId(), "ntp"));
        await ByHand(Rule("203.0.113.131/32", sourcePort: 53));

        foreach (var target in (string[])["203.0.113.130/32", "203.0.113.131/32"])
        {
            await Network.RouterHasRule($"destination: {target}", "[source: 192.0.2.53/32]");
            await Network.RouterHasRule($"destination: {target}", "[source: 198.51.100.0/24]");
        }

        foreach (var nobody in (string[])["default", "", Guid.Empty.ToString()])
        {
            var no = await Assert.ThrowsAsync<RpcException>(() => SetPolicyOf(nobody, "automatic"));
            Assert.Equal("policy-object-malformed", no.Trailers.GetValue(Rejections.CodeTrailer));
        }

        var answer = await Assert.ThrowsAsync<RpcException>(() => SetPolicy("automatic", "0.0.0.0/0"));
        Assert.Equal("policy-allowed-source-too-wide", answer.Trailers.GetValue(Rejections.CodeTrailer));
        var named = Rule("203.0.113.132/32", sourcePort: 53);
        named.Rule.Source = "198.51.100.7/32";
        answer = await Assert.ThrowsAsync<RpcException>(() => ByHand(named));
        Assert.Equal("source-allow-listed", answer.Trailers.GetValue(Rejections.CodeTrailer)); // the policy's list binds by hand too
    }

    [Fact]
    public async Task Who_is_allowed_while_a_defence_stands_is_let_through_it_and_once_stopped_by_hand_stays_stopped()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic");
        await Deliver(Customer.AttackedBy("203.0.113.180/32", Tests.Customer.NewId(), "ntp"));
        await Network.RouterHasRule("destination: 203.0.113.180/32", "[source-port: ==123]");

        await SetPolicy("automatic", "198.51.100.0/24");
        await Passes(
            async () => (await ANetwork.Rules(Network.Router)).Any(rule => rule.Contains("203.0.113.180/32][source: 198.51.100.0/24]", StringComparison.Ordinal)),
            "what lets it through");

        await Host.CatchUp();
        var standing = (await Mitigations()).Single();
        var pass = standing.Countermeasures.Single(it => it.Route.Contains("from 198.51.100.0/24", StringComparison.Ordinal));
        await Client.StopCountermeasureAsync(
            new() { MitigationId = standing.MitigationId, CountermeasureId = pass.CountermeasureId, Reason = "it is the attacker" }, As(Roles.Operator));
        await Passes(
            async () => !(await ANetwork.Rules(Network.Router)).Any(rule => rule.Contains("203.0.113.180/32][source:", StringComparison.Ordinal)),
            "its end");
        await Host.CatchUp();
        for (var look = 0; look < 4; look++)
        {
            Host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            await Host.CatchUp();
        }

        Assert.Equal("withdrawn", (await Mitigations()).Single().Countermeasures.Single(it => it.CountermeasureId == pass.CountermeasureId).Status);
    }

    [Fact]
    public async Task The_dry_run_of_an_object_binds_what_is_done_by_hand_and_takes_out_what_stands()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var before = await ByHand(Rule("203.0.113.133/32", sourcePort: 53));
        Assert.False(before.Rehearsed);
        await Network.RouterHasRule("203.0.113.133/32");

        await SetPolicy("dry-run");
        Host.Clock.Advance(TimeSpan.FromSeconds(1));
        await Network.RouterHasNoRule("203.0.113.133/32");
        var rehearsed = await ByHand(Rule("203.0.113.134/32", sourcePort: 53));

        Assert.True(rehearsed.Rehearsed); // the answer says so
        await Host.CatchUp();
        var listed = (await Mitigations()).Single(it => it.MitigationId == rehearsed.MitigationId);
        Assert.Equal(("rehearsed", "rehearsed"), (listed.Status, Assert.Single(listed.Countermeasures).Status));
        Assert.DoesNotContain(await ANetwork.Rules(Network.Speaker), rule => rule.Contains("203.0.113.134/32", StringComparison.Ordinal));
        var other = Tests.Customer.New();
        await Deliver(other.Signed("198.51.100.0/24"));
        await Deliver(other.AttackedBy("198.51.100.5/32", Tests.Customer.NewId(), "ntp"));
        await Network.RouterHasRule("198.51.100.5/32"); // another customer's defence is none of its matter
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task The_dry_run_of_an_object_binds_always_on_which_stands_again_when_it_is_over()
    {
        await Deliver(Customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 1, "the diversion");

        await SetPolicy("dry-run");
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 0, "the end of the diversion");
        await Passes(async () => (await Mitigations()).Any(it => it.Status == "rehearsed"), "the rehearsal");

        await SetPolicy("automatic");
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 1, "the diversion again");
    }

    [Fact]
    public async Task What_expired_is_not_held_any_more_though_nobody_has_written_its_end_yet()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.135/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.135/32");
        await Host.CatchUp();

        await Execute("update views.mitigations_v1 set expires_at = started_at"); // no clock has moved: nobody withdraws

        await Network.RouterHasNoRule("203.0.113.135/32");
        await Host.Restart();
        await Network.Speaker.Kill();
        await Network.Speaker.Start();
        await Network.Session();
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
        Assert.DoesNotContain(await ANetwork.Rules(Network.Speaker), rule => rule.Contains("203.0.113.135/32", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Infrastructure_that_is_listed_later_is_taken_out_of_what_stands_and_the_stream_says_so()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var id = (await ByHand(Rule("203.0.113.136/32", sourcePort: 53), Rule("203.0.113.137/32", sourcePort: 53))).MitigationId;
        await Network.RouterHasRule("203.0.113.136/32");

        await Again(("Mitigations:ProtectedInfrastructure:0", "203.0.113.136/32"));

        await Network.RouterHasNoRule("203.0.113.136/32"); // before any clock has moved: the gate alone
        await Network.RouterHasRule("203.0.113.137/32");
        await Passes(
            async () => (await Host.Store.Tenant(TenantId.Of(Customer.TenantId)).Read(MitigationState.Stream, id, CancellationToken.None))
                .Any(it => it.Data is CountermeasureWithdrawn),
            "its end in the stream");
        var withdrawn = (await Host.Store.Tenant(TenantId.Of(Customer.TenantId)).Read(MitigationState.Stream, id, CancellationToken.None))
            .Select(it => it.Data).OfType<CountermeasureWithdrawn>();
        Assert.Equal([WithdrawalReason.Rails], withdrawn.Select(it => it.Reason)); // and not that a person did it, whose word would stay
    }

    [Fact]
    public async Task An_engaged_kill_switch_stays_engaged_over_a_restart_of_everything_until_somebody_releases_it()
    {
        await Deliver(Customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        await ByHand(Rule("203.0.113.141/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.141/32");
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.141/32");

        await Host.Restart();
        await Network.Speaker.Kill();
        await Network.Speaker.Start();
        await Network.Session();
        await Deliver(Customer.AttackedBy("203.0.113.142/32", Tests.Customer.NewId(), "ntp"));
        await Passes(async () => (await Mitigations()).Any(it => it.Failure == "kill-switch-engaged"), "the refusal");
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
        Assert.DoesNotContain(await ANetwork.Rules(Network.Speaker), rule => rule.Contains("203.0.113.14", StringComparison.Ordinal));
        Assert.Empty(await Network.AtSpeaker("203.0.113.0/24"));

        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 1, "always-on, which its contract orders, again");
        await Network.RouterHasNoRule("203.0.113.141/32");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task Attacks_that_go_on_are_defended_again_when_the_kill_switch_is_released_once_each_and_nothing_by_hand()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var (stood, over) = (Tests.Customer.NewId(), Tests.Customer.NewId());
        await Deliver(Customer.AttackedBy("203.0.113.150/32", stood, "ntp"));
        await Deliver(Customer.AttackedBy("203.0.113.151/32", over, "ntp"));
        await ByHand(Rule("203.0.113.152/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.150/32");
        await Network.RouterHasRule("203.0.113.151/32");
        await Network.RouterHasRule("203.0.113.152/32");

        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.15");
        await Passes(async () => (await Mitigations()).All(it => it.Status == "ended"), "their end");
        var refused = Tests.Customer.NewId();
        await Deliver(Customer.AttackedBy("203.0.113.153/32", refused, "ntp"));
        await Deliver(Customer.Relieved("203.0.113.151/32", over));
        for (var look = 0; look < 12; look++)
        {
            await Passes(() => Task.FromResult(true), "half a second");
        }

        await Host.CatchUp();
        Assert.DoesNotContain(await ANetwork.Rules(Network.Speaker), rule => rule.Contains("203.0.113.15", StringComparison.Ordinal)); // it stays

        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        await Passes(async () => await Rules("203.0.113.150/32") == 1 && await Rules("203.0.113.153/32") == 1, "the defence of what goes on");
        for (var look = 0; look < 12; look++)
        {
            await Passes(() => Task.FromResult(true), "half a second");
        }

        await Host.CatchUp();
        Assert.Equal((1, 0, 0, 1), (await Rules("203.0.113.150/32"), await Rules("203.0.113.151/32"), await Rules("203.0.113.152/32"), await Rules("203.0.113.153/32")));
        Assert.Equal((2, 1), (await Beginnings(stood), await Beginnings(refused)));
        Assert.Equal(["active", "active"], (await Mitigations()).Where(it => it.EndedAt is null && it.Failure.Length == 0).Select(it => it.Status));

        await Deliver(Customer.Relieved("203.0.113.150/32", stood));
        await Host.CatchUp();
        Host.Clock.Advance(TimeSpan.FromSeconds(61));
        await Passes(async () => await Rules("203.0.113.150/32") == 0, "the end of what came back");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task What_joins_an_attack_while_the_kill_switch_takes_its_defence_is_answered_too_when_it_is_released()
    {
        await Again(("Bgp:Speakers:1:Name", "dead"), ("Bgp:Speakers:1:Address", "http://127.0.0.1:9"), ("Bgp:Speakers:1:FlowSpec", "true"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var anomaly = Tests.Customer.NewId();
        await Deliver(Customer.AttackedBy("203.0.113.154/32", anomaly, "ntp"));
        await Network.RouterHasRule("203.0.113.154/32");
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.154/32");
        await Passes(async () => Assert.Single(await Mitigations()).Status == "withdrawing", "what waits for the dead one"); // what it holds nobody knows

        await Deliver(Customer.Grown("203.0.113.154/32", anomaly, 1, "ntp", "ssdp"));
        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());

        await Passes(async () => await Rules("203.0.113.154/32") == 2, "the answers to both");
        Assert.Equal(2, await Beginnings(anomaly));
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task A_dry_run_that_ends_in_the_middle_of_an_attack_is_followed_by_what_was_rehearsed_and_one_that_begins_by_a_rehearsal()
    {
        var anomaly = Tests.Customer.NewId();
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("dry-run");
        await Deliver(Customer.AttackedBy("203.0.113.160/32", anomaly, "ntp"));
        await ByHand(Rule("203.0.113.161/32", sourcePort: 53));
        await Passes(async () => (await Mitigations()).Count(it => it.Status == "rehearsed") == 2, "the rehearsals");

        await SetPolicy("automatic");
        await Passes(async () => await Rules("203.0.113.160/32") == 1, "the defence");
        Assert.Equal(0, await Rules("203.0.113.161/32")); // who ordered it was told that it is a rehearsal
        await Passes(async () => (await Mitigations()).Any(it => it.AnomalyId == anomaly.ToString() && it.Status == "active"), "that it stands");

        await SetPolicy("dry-run");
        await Passes(async () => await Rules("203.0.113.160/32") == 0, "its end");
        await Passes(async () => (await Mitigations()).Any(it => it.AnomalyId == anomaly.ToString() && it.Status == "rehearsed"), "what would be done now");
        await SetPolicy("automatic");
        await Passes(async () => await Rules("203.0.113.160/32") == 1, "the defence again");

        await Deliver(Customer.Relieved("203.0.113.160/32", anomaly));
        await Host.CatchUp();
        Host.Clock.Advance(TimeSpan.FromSeconds(61));
        await Passes(async () => await Rules("203.0.113.160/32") == 0, "the end with its attack");
        Assert.Equal(4, await Beginnings(anomaly));
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task A_second_kill_switch_withdraws_like_the_first_and_what_goes_on_is_defended_again()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await Deliver(Customer.AttackedBy("203.0.113.150/32", Tests.Customer.NewId(), "ntp"));
        for (var turn = 1; turn <= 2; turn++)
        {
            await Passes(async () => await Rules("203.0.113.150/32") == 1, $"the defence before turn {turn}");
            await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
            await Network.RouterHasNoRule("203.0.113.150/32");
            await Passes(async () => (await Mitigations()).All(it => it.Status == "ended"), $"its end in turn {turn}");
            await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        }

        await Passes(async () => await Rules("203.0.113.150/32") == 1, "the defence after the second release");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task What_stood_waits_for_no_crowd_of_refused_attacks_when_the_kill_switch_is_released()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await Deliver(Customer.AttackedBy("203.0.113.150/32", Tests.Customer.NewId(), "ntp"));
        await Passes(async () => await Rules("203.0.113.150/32") == 1, "the defence");
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Passes(async () => (await Mitigations()).All(it => it.Status == "ended"), "its end");
        await Execute($"""
            insert into views.mitigations_v1 (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, ended_at, failure, evidence)
            select '{Tests.Customer.NewId()}', gen_random_uuid(), gen_random_uuid(), 'DP99999999', '198.51.100.1/32', at, at, 'no-step-fits', '[]'
            from generate_series(1, 100000), (select timestamptz '{Host.Clock.GetUtcNow():O}' as at) now
            """);

        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        await Passes(async () => await Rules("203.0.113.150/32") == 1, "the defence after the release");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task A_second_dry_run_takes_out_what_stands_like_the_first()
    {
        var anomaly = Tests.Customer.NewId();
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic");
        await Deliver(Customer.AttackedBy("203.0.113.160/32", anomaly, "ntp"));
        for (var turn = 1; turn <= 2; turn++)
        {
            await Passes(async () => await Rules("203.0.113.160/32") == 1, $"the defence before turn {turn}");
            await SetPolicy("dry-run");
            await Passes(async () => await Rules("203.0.113.160/32") == 0, $"its end in turn {turn}");
            await Passes(async () => (await Mitigations()).Any(it => it.AnomalyId == anomaly.ToString() && it.Status == "rehearsed"), "what would be done now");
            await SetPolicy("automatic");
        }
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task An_attack_that_has_gone_on_for_longer_than_anything_stands_unasked_is_defended_again_too()
    {
        await Again(("Mitigations:MaximumDuration", "00:01:00"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await Deliver(Customer.AttackedBy("203.0.113.150/32", Tests.Customer.NewId(), "ntp"));
        await Passes(async () => await Rules("203.0.113.150/32") == 1, "the defence");
        for (var minute = 0; minute < 2; minute++)
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(40));
            var standing = (await Mitigations()).Single();
            await Client.ExtendMitigationAsync(new() { MitigationId = standing.MitigationId, DurationSeconds = 60, Reason = "it goes on" }, As(Roles.Operator));
        }

        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.150/32");
        await Passes(async () => (await Mitigations()).All(it => it.Status == "ended"), "its end");
        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());

        await Passes(async () => await Rules("203.0.113.150/32") == 1, "the defence after the release");
    }

    [Theory]
    [InlineData("203.0.113.010/32")] // octal to the parser: 203.0.113.8
    [InlineData("0xCB.0.113.8/32")]
    [InlineData("3405803784/32")]
    [InlineData("203.0.28936/32")]
    [InlineData("203.0.113.8/032")]
    [InlineData("203.0.113.8/24")]
    [InlineData("::ffff:203.0.113.8/128")]
    public async Task What_a_parser_would_take_for_something_else_is_refused_by_hand_and_in_policies(string text)
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var no = await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule(text, sourcePort: 53)));
        Assert.Equal("target-malformed", no.Trailers.GetValue(Rejections.CodeTrailer));

        var from = Rule("203.0.113.9/32", sourcePort: 53);
        from.Rule.Source = text;
        no = await Assert.ThrowsAsync<RpcException>(() => ByHand(from));
        Assert.Equal("rule-malformed", no.Trailers.GetValue(Rejections.CodeTrailer));
        no = await Assert.ThrowsAsync<RpcException>(() => SetPolicy("automatic", text));
        Assert.Equal("rule-malformed", no.Trailers.GetValue(Rejections.CodeTrailer));
    }

    [Fact]
    public async Task A_refused_attack_on_what_is_no_prefix_keeps_nobody_from_defending_by_hand()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await Deliver(Customer.AttackedBy("203.0.113.300/32", Tests.Customer.NewId(), "ntp"));
        await Passes(async () => (await Mitigations()).Any(it => it.Failure == "target-malformed"), "the refusal");

        await ByHand(Rule("203.0.113.8/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.8/32");
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task What_stands_always_is_not_taken_out_by_hand_because_its_order_would_put_it_in_again()
    {
        await Deliver(Customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 1, "the diversion");
        await Passes(async () => (await Mitigations()).Any(it => it.Status == "active"), "that it stands");
        var standing = (await Mitigations()).Single();

        var no = await Assert.ThrowsAsync<RpcException>(
            () => Client.WithdrawMitigationAsync(new() { MitigationId = standing.MitigationId, Reason = "off" }, As(Roles.Operator)).ResponseAsync);
        Assert.Equal("mitigation-stands-always", no.Trailers.GetValue(Rejections.CodeTrailer));
        no = await Assert.ThrowsAsync<RpcException>(() => Client.StopCountermeasureAsync(
            new() { MitigationId = standing.MitigationId, CountermeasureId = standing.Countermeasures.Single().CountermeasureId, Reason = "off" },
            As(Roles.Operator)).ResponseAsync);
        Assert.Equal("mitigation-stands-always", no.Trailers.GetValue(Rejections.CodeTrailer));

        await Deliver(Customer.Changed(2, "203.0.113.0/24"));
        await Passes(async () => (await Network.AtRouter("203.0.113.0/24")).Count == 0, "its end with the order");
    }

    private async Task<int> Rules(string destination) =>
        (await ANetwork.Rules(Network.Router)).Count(rule => rule.Contains(destination, StringComparison.Ordinal));

    private async Task<int> Beginnings(Guid anomaly) =>
        (await Host.Store.Tenant(TenantId.Of(Customer.TenantId)).Read(MitigationState.Stream, DerivedId.OfMitigation(anomaly).ToString(), CancellationToken.None))
            .Count(it => it.Data is MitigationStarted);

    [Fact]
    public async Task What_is_refused_by_hand_takes_no_room()
    {
        await Again(("Mitigations:MaxCountermeasuresPerTenant", "1"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var refused = await Assert.ThrowsAsync<RpcException>(() => Client.StartMitigationAsync(
            new() { ServiceCode = Customer.ServiceCode, Reason = " ", Countermeasures = { Rule("203.0.113.144/32", sourcePort: 53) } },
            As(Roles.Operator)).ResponseAsync);
        Assert.Equal("reason-missing", refused.Trailers.GetValue(Rejections.CodeTrailer));
        await ByHand(Rule("203.0.113.144/32", sourcePort: 53)); // there is room
    }

    [Fact]
    public async Task What_lets_allowed_sources_through_is_counted_too_and_a_long_list_is_no_way_past_the_caps()
    {
        await Again(
            ("Mitigations:MaxCountermeasures", "20"), ("Mitigations:MaxCountermeasuresPerTenant", "10"),
            ("Mitigations:MaxRules", "30"), ("Mitigations:MaxRulesPerTenant", "25"));
        string[] list = [.. Enumerable.Range(1, 15).Select(last => $"198.51.100.{last}/32")];
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic", list[..10]);
        var first = await ByHand(Rule("203.0.113.150/32", sourcePort: 53));
        var second = await ByHand(Rule("203.0.113.151/32", sourcePort: 53)); // eleven rules each
        var full = await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule("203.0.113.152/32", sourcePort: 53)));
        Assert.Equal("tenant-rules-cap-reached", full.Trailers.GetValue(Rejections.CodeTrailer));
        full = await Assert.ThrowsAsync<RpcException>(async () => await Client.AddCountermeasuresAsync(
            new() { MitigationId = first.MitigationId, Reason = "more", Countermeasures = { Rule("203.0.113.152/32", sourcePort: 53) } }, As(Roles.Operator)));
        Assert.Equal("tenant-rules-cap-reached", full.Trailers.GetValue(Rejections.CodeTrailer));
        var other = Tests.Customer.New(); // of whose rules none is multiplied
        await Deliver(other.Signed("198.51.100.0/24"));
        await Deliver(other.AttackedBy("198.51.100.77/32", Tests.Customer.NewId(), "ntp"));
        await Network.RouterHasRule("198.51.100.77/32");
        full = await Assert.ThrowsAsync<RpcException>(async () => await Client.StartMitigationAsync(
            new()
            {
                ServiceCode = other.ServiceCode,
                Reason = "its own cap is far",
                Countermeasures = { Enumerable.Range(1, 8).Select(last => Rule($"198.51.100.{last}/32", sourcePort: 53)) },
            },
            Host.As(TenantId.Of(other.TenantId), Roles.Operator)));
        Assert.Equal("total-rules-cap-reached", full.Trailers.GetValue(Rejections.CodeTrailer));

        full = await Assert.ThrowsAsync<RpcException>(() => SetPolicy("automatic", list)); // ten more would join what stands
        Assert.Equal("tenant-rules-cap-reached", full.Trailers.GetValue(Rejections.CodeTrailer));
        await SetPolicy("automatic", list[..11]);
        await Passes(async () => await Rules("203.0.113.15") == 24, "those that there is room for");
        await Deliver(Customer.AttackedBy("203.0.113.153/32", Tests.Customer.NewId(), "ntp"));
        await Passes(async () => (await Mitigations()).Any(it => it.Failure == "tenant-rules-cap-reached"), "the refusal");
        for (var look = 0; look < 4; look++)
        {
            Host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            await Host.CatchUp();
        }

        Assert.InRange((await ANetwork.Rules(Network.Router)).Count(rule => rule.Contains("203.0.113.15", StringComparison.Ordinal)), 22, 25);
        await Client.WithdrawMitigationAsync(new() { MitigationId = first.MitigationId, Reason = "over" }, As(Roles.Operator));
        await Client.WithdrawMitigationAsync(new() { MitigationId = second.MitigationId, Reason = "over" }, As(Roles.Operator));
        await Passes(async () => (await ANetwork.Rules(Network.Router)).Any(rule => rule.Contains("203.0.113.153/32", StringComparison.Ordinal)), "room, and the defence");
    }

    [Fact]
    public async Task Of_a_list_of_the_installation_that_what_stands_has_no_room_for_those_are_let_through_that_fit_in_its_order()
    {
        (string, string)[] caps = [("Mitigations:MaxCountermeasuresPerTenant", "10"), ("Mitigations:MaxRulesPerTenant", "12")];
        await Again(caps);
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.156/32", sourcePort: 53), Rule("203.0.113.157/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.157/32");

        await Again([.. caps, .. Enumerable.Range(0, 9).Select(i => ($"Mitigations:AllowedSources:{i}", $"198.51.100.{99 - i}/32"))]);
        await Passes(async () => await Rules("203.0.113.15") == 12, "five for each of the two");
        Assert.Equal(
            ["198.51.100.95/32", "198.51.100.96/32", "198.51.100.97/32", "198.51.100.98/32", "198.51.100.99/32"],
            (await Read()).Where(it => it.Spec.IsAllowance).Select(it => it.Spec.Rule!.Source!.Value.ToString()).Distinct().Order());
    }

    [Fact]
    public async Task One_speaker_of_several_that_is_dead_uses_up_no_caps()
    {
        await Again(
            ("Mitigations:MaxCountermeasuresPerTenant", "1"), ("Bgp:Speakers:1:Name", "dead"), ("Bgp:Speakers:1:Address", "http://127.0.0.1:9"),
            ("Bgp:Speakers:1:FlowSpec", "true"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        var first = await ByHand(Rule("203.0.113.147/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.147/32");
        await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule("203.0.113.148/32", sourcePort: 53)));
        await Client.WithdrawMitigationAsync(new() { MitigationId = first.MitigationId, Reason = "over" }, As(Roles.Operator));
        await Network.RouterHasNoRule("203.0.113.147/32");

        Host.Clock.Advance(TimeSpan.FromMinutes(2));
        await Passes(
            async () =>
            {
                try
                {
                    await ByHand(Rule("203.0.113.148/32", sourcePort: 53));
                    return true;
                }
                catch (RpcException full) when (full.Trailers.GetValue(Rejections.CodeTrailer) == "tenant-cap-reached")
                {
                    return false;
                }
            },
            "room");
        await Network.RouterHasRule("203.0.113.148/32");
    }
}
