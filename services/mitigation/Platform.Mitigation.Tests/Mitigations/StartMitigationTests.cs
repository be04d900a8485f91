using System.Net;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

public sealed class StartMitigationTests
{
    [Fact, Trait("Requirement", "R2")]
    public void An_attacked_host_inside_the_tenants_prefixes_is_blackholed_without_a_human() => With()
        .When(state => MitigationDecider.Decide(state, Start()))
        .Then(StartedAtNoon);

    [Fact]
    public void An_attacked_IPv6_host_is_blackholed_as_one_host()
    {
        var target = IPNetwork.Parse("2001:db8::1/128");
        With()
            .When(state => MitigationDecider.Decide(state, Start("2001:db8::1/128")))
            .Then(
                new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, target, Noon + MaximumDuration, Noon, Evidence: [], Step: 2),
                new CountermeasureRequested(
                    DerivedId.For(Scope.MitigationId, "Blackhole 2001:db8::1/128"), CountermeasureKind.Blackhole, target, Noon));
    }

    [Fact]
    public void The_same_anomaly_reported_again_changes_nothing() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(state, Start()))
        .ThenUnchanged();

    [Fact]
    public void The_same_anomaly_reported_after_the_end_changes_nothing() => With([.. StartedAtNoon, Announced, Withdrawing, .. Over])
        .When(state => MitigationDecider.Decide(state, Start()))
        .ThenUnchanged();

    [Fact]
    public void An_anomaly_whose_end_came_first_is_not_defended_any_more() => With(EndNoted)
        .When(state => MitigationDecider.Decide(state, Start()))
        .ThenUnchanged();

    [Theory]
    [InlineData("198.51.100.1/32", "target-outside-prefixes")]
    [InlineData("2001:db8:1::1/128", "target-outside-prefixes")]
    [InlineData("::ffff:203.0.113.10/128", "target-malformed")]
    [InlineData("203.0.113.0/24", "blackhole-wider-than-host")]
    [InlineData("203.0.113.10/31", "blackhole-wider-than-host")]
    [InlineData("2001:db8::/48", "blackhole-wider-than-host")]
    [InlineData("203.0.112.0/23", "target-too-wide")]
    [InlineData("2001:db8::/47", "target-too-wide")]
    [InlineData("0.0.0.0/0", "target-too-wide")]
    [InlineData("::/0", "target-too-wide")]
    [InlineData("203.0.113.10/24", "target-malformed")]
    [InlineData("203.0.113.10/33", "target-malformed")]
    [InlineData("everything", "target-malformed")]
    [InlineData("", "target-malformed")]
    public void A_target_that_no_rail_lets_through_is_refused_and_the_refusal_recorded(string target, string code) =>
        RefusedWith(code, Start(target));

    [Fact]
    public void The_whole_internet_is_not_announced_even_for_a_contract_that_claims_it() => RefusedWith(
        "target-too-wide", Start("0.0.0.0/0", new ContractScope([IPNetwork.Parse("0.0.0.0/0")], Ended: false)));

    [Fact]
    public void A_contract_of_a_longer_prefix_does_not_cover_the_hosts_beside_it() => RefusedWith(
        "target-outside-prefixes", Start("203.0.113.10/32", new ContractScope([IPNetwork.Parse("203.0.113.8/31")], Ended: false)));

    [Fact]
    public void An_ended_contract_is_not_defended() =>
        RefusedWith("contract-ended", Start(contract: Contract with { Ended = true }));

    [Fact]
    public void A_tenant_at_its_cap_gets_no_further_countermeasure() =>
        RefusedWith("tenant-cap-reached", Start(slot: SlotAnswer.TenantFull));

    [Fact]
    public void Beyond_the_cap_of_all_tenants_nobody_gets_a_further_countermeasure() =>
        RefusedWith("total-cap-reached", Start(slot: SlotAnswer.AllFull));

    [Fact]
    public void What_was_too_mild_for_every_step_is_defended_when_it_has_grown_graver_unless_it_is_over()
    {
        var mild = new VectorEvidence("ntp", 8_000_000, 2_000, 7_000_000, null);
        var defense = Known with { Policy = Policy with { Steps = [new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(10), Severity.High)] } };
        var seen = Start("203.0.113.10/32", defense, mild);
        var failed = new MitigationFailed(
            Scope, "203.0.113.10/32", "no-step-fits", MitigationRejections.NoStepFits(Scope.ServiceCode).Detail, Noon, seen.Evidence);
        var graver = Start("203.0.113.10/32", defense, mild with { BitsPerSecond = 80_000_000 });
        With().When(state => MitigationDecider.Decide(state, seen)).Then(failed);
        With(failed).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", defense, mild))).ThenUnchanged();
        With(failed).When(state => MitigationDecider.Decide(state, graver)).Then(
            new MitigationStarted(
                Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, graver.Evidence),
            new CountermeasureRequested(CountermeasureId, CountermeasureKind.Blackhole, Target, Noon));
        With(failed).When(state => MitigationDecider.Decide(state, End)).Then(EndNoted);
        With(failed, EndNoted).When(state => MitigationDecider.Decide(state, graver)).ThenUnchanged();
        With(failed with { Code = "tenant-cap-reached", Evidence = [] }).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        With(failed with { Code = "capacity-exceeded", Evidence = [] }).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        With(failed with { Code = "contract-ended" }).When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();
    }

    [Fact]
    public void Which_of_the_caps_leaves_no_room_is_said_once()
    {
        var failed = new MitigationFailed(Scope, "203.0.113.10/32", "tenant-cap-reached", MitigationRejections.TenantCapReached.Detail, Noon, []);
        With(failed).When(state => MitigationDecider.Decide(state, Start(slot: SlotAnswer.AllFull))).ThenUnchanged();
        With(failed with { Code = "capacity-exceeded", Evidence = [] }).When(state => MitigationDecider.Decide(state, Start(slot: SlotAnswer.TenantFull))).Then(failed);
    }

    [Fact]
    public void A_prefix_that_the_contract_is_heard_to_have_later_is_defended_then_and_no_attack_that_goes_out_ever()
    {
        var outside = Start(contract: Contract with { Prefixes = [IPNetwork.Parse("198.51.100.0/24")] });
        var failed = new MitigationFailed(
            Scope, outside.Target, "target-outside-prefixes", MitigationRejections.TargetOutsidePrefixes(Target, Scope.ServiceCode).Detail, Noon, []);
        With().When(state => MitigationDecider.Decide(state, outside)).Then(failed);
        With(failed).When(state => MitigationDecider.Decide(state, outside)).ThenUnchanged();
        With(failed).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        var goesOut = failed with { Code = "attack-goes-out", Detail = MitigationRejections.AttackGoesOut(outside.Target).Detail };
        With().When(state => MitigationDecider.Decide(state, outside with { IsOutgoing = true })).Then(goesOut);
        With(goesOut).When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();
    }

    [Fact]
    public void What_the_kill_switch_ended_begins_anew_while_the_attack_goes_on_and_what_a_person_or_its_end_ended_does_not()
    {
        var engaged = Known with { Rails = Rails with { KillSwitchEngaged = true } };
        MitigationEvent[] ended =
        [
            .. StartedAtNoon, Announced, Withdrawing with { Reason = WithdrawalReason.KillSwitch },
            new CountermeasureWithdrawn(Scope, CountermeasureId, WithdrawalReason.KillSwitch, Noon.AddMinutes(7)), Over[1],
        ];
        With(ended).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        With([.. ended, .. StartedAtNoon]).When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();
        With([.. ended, EndNoted]).When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();
        With([.. StartedAtNoon, Announced, Withdrawing with { Reason = WithdrawalReason.Operator }, .. Over])
            .When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();

        // Rails are asked anew, and what they say is in the stream.
        var failed = new MitigationFailed(Scope, "203.0.113.10/32", "tenant-cap-reached", MitigationRejections.TenantCapReached.Detail, Noon, []);
        With(ended).When(state => MitigationDecider.Decide(state, Start(slot: SlotAnswer.TenantFull))).Then(failed);
        With([.. ended, failed]).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        With(ended).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", engaged)))
            .Then(failed with { Code = "kill-switch-engaged", Detail = MitigationRejections.KillSwitchIsEngaged.Detail });
    }

    [Fact]
    public void While_a_speaker_that_is_away_still_holds_what_the_kill_switch_took_the_others_get_it_again()
    {
        MitigationEvent[] going = [.. StartedAtNoon, Announced, Withdrawing with { Reason = WithdrawalReason.KillSwitch }];
        With(going).When(state => MitigationDecider.Decide(state, Start())).Then(StartedAtNoon);
        With(going).When(state => MitigationDecider.Decide(state, Start(slot: SlotAnswer.TenantFull))).ThenUnchanged(); // first it ends
        With([.. going, .. StartedAtNoon]).When(state => MitigationDecider.Decide(state, ReadGone())).ThenUnchanged(); // it shall stand
        With([.. going, .. StartedAtNoon]).When(state => MitigationDecider.Decide(state, ReadBack())).Then(Announced);
        var dry = Known with { Policy = Policy with { Mode = EnforcementMode.DryRun } };
        With(going).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", dry))).ThenUnchanged();
    }

    [Fact]
    public void To_what_an_attack_grew_while_the_kill_switch_is_engaged_is_remembered_once_though_a_speaker_that_is_away_still_holds_what_it_took()
    {
        var (ntp, ssdp) = (new VectorEvidence("ntp", 80_000_000, 20_000, 1_000_000, null), new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null));
        var engaged = Known with { Rails = Rails with { KillSwitchEngaged = true } };
        var grown = new EvidenceGrew([ssdp, ntp], Noon);
        MitigationEvent[] going =
        [
            ((MitigationStarted)StartedAtNoon[0]) with { Evidence = [ntp] }, StartedAtNoon[1], Announced, Withdrawing with { Reason = WithdrawalReason.KillSwitch },
        ];
        StartMitigation Heard(Defense defense) => Start("203.0.113.10/32", defense, ssdp, ntp);
        foreach (var mode in (EnforcementMode[])[EnforcementMode.Automatic, EnforcementMode.AfterApproval, EnforcementMode.DryRun])
        {
            With(going).When(state => MitigationDecider.Decide(state, Heard(engaged with { Policy = Policy with { Mode = mode } }))).Then(grown);
        }

        // Its handler found it standing, and the switch was quicker.
        With(going).When(state => MitigationDecider.Decide(state, new NoteEvidence(Scope.MitigationId, [ssdp], engaged, Noon))).Then(grown);
        With([.. going, grown]).When(state => MitigationDecider.Decide(state, Heard(engaged))).ThenUnchanged();
        With([.. going, grown]).When(state => MitigationDecider.Decide(state, new NoteEvidence(Scope.MitigationId, [ssdp], engaged, Noon))).ThenUnchanged();
        With([.. going, EndNoted]).When(state => MitigationDecider.Decide(state, Heard(engaged))).ThenUnchanged(); // it is over
        With([.. going[..3], Withdrawing]).When(state => MitigationDecider.Decide(state, Heard(Known))).ThenUnchanged();
    }

    [Fact]
    public void The_beginning_of_an_attack_that_is_heard_behind_its_growth_undoes_nothing_of_it_where_that_was_refused()
    {
        var (ntp, ssdp) = (new VectorEvidence("ntp", 80_000_000, 20_000, 60_000_000, null), new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null));
        foreach (var known in (VectorEvidence[][])[[ntp, ssdp], [ntp with { BitsPerSecond = 800_000_000 }]])
        {
            var refused = new MitigationFailed(Scope, "203.0.113.10/32", "no-step-fits", "x", Noon, known);
            With(refused).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", Known, ntp))).ThenUnchanged();
            With(refused).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", Known with { Slot = SlotAnswer.TenantFull }, ntp))).ThenUnchanged();
            With(refused).When(state => MitigationDecider.Decide(state, Start("203.0.113.10/32", Known, known)))
                .Then(((MitigationStarted)StartedAtNoon[0]) with { Evidence = known }, StartedAtNoon[1]);
        }
    }

    [Fact]
    public void What_a_person_took_out_before_the_kill_switch_does_not_come_back_with_its_release()
    {
        MitigationEvent[] ended =
        [
            .. StartedAtNoon, Announced, new CountermeasureDropped(Scope.ServiceCode, CountermeasureId, "it is our own", Noon.AddMinutes(1)),
            Withdrawing with { Reason = WithdrawalReason.KillSwitch }, new CountermeasureWithdrawn(Scope, CountermeasureId, WithdrawalReason.KillSwitch, Noon.AddMinutes(7)), Over[1],
        ];
        With(ended).When(state => MitigationDecider.Decide(state, Start())).ThenUnchanged();
    }

    [Fact]
    public void What_is_moved_to_another_pool_or_approved_later_stays_of_the_step_it_came_with_and_is_held_on_as_narrower()
    {
        var diversion = new CountermeasureSpec(CountermeasureKind.Diversion, Target);
        var diverted = new CountermeasureRequested(diversion.IdIn(Scope.MitigationId), diversion.Kind, Target, Noon, Rule: null, Pool: "osaka");
        var began = new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, Evidence: [], Step: 1);
        MitigationEvent[] escalated = [new StepTaken(2, "it did not help", Noon), StartedAtNoon[1]];
        var relieve = new RelieveMitigation(Scope.MitigationId, Hold, Noon.AddHours(1));
        var back = new SteppedBack(1, Noon.AddHours(1) + Hold, Noon.AddHours(1));
        var dropped = new CountermeasureDropped(
            Scope.ServiceCode, CountermeasureId, "The attack is over: one step back.", Noon.AddHours(1), WithdrawalReason.AnomalyEnded);

        var proposed = new CountermeasureProposed(diverted.CountermeasureId, diverted.Kind, Target, Rule: null, Noon, Scope);
        With([began, diverted, .. escalated, diverted with { Pool = "tokyo" }, EndNoted]).When(state => MitigationDecider.Decide(state, relieve)).Then(back, dropped);
        With([began, proposed, .. escalated, diverted, EndNoted]).When(state => MitigationDecider.Decide(state, relieve)).Then(back, dropped);
    }

    private static void RefusedWith(string code, StartMitigation command)
    {
        var decision = MitigationDecider.Decide(MitigationState.Stream.Initial, command);
        var failed = Assert.IsType<MitigationFailed>(
            Assert.Single(Assert.IsType<EventStore.Decision<MitigationEvent>.Accepted>(decision).Events));
        Assert.Equal(new MitigationFailed(Scope, command.Target, code, failed.Detail, Noon, command.Evidence), failed);
        Assert.NotEmpty(failed.Detail);
    }
}
