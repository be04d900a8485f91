using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

public sealed class ByHandTests
{
    private static readonly VectorEvidence Ntp = new("ntp", 80_000_000, 20_000, 1_000_000, null);
    private static readonly CountermeasureSpec Rule = new(
        CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(123)));

    private static readonly TimeSpan Longest = TimeSpan.FromDays(2);

    private static readonly MitigationScope ByHand = Scope with { AnomalyId = Guid.Empty };

    private static readonly CountermeasureRequested RuleRequested =
        new(Rule.IdIn(Scope.MitigationId), Rule.Kind, Rule.Prefix, Noon.AddMinutes(1), Rule.Rule);

    private static readonly MitigationEvent[] Proposed =
    [
        new MitigationStarted(
            Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp], EnforcementMode.AfterApproval),
        new CountermeasureProposed(Rule.IdIn(Scope.MitigationId), Rule.Kind, Rule.Prefix, Rule.Rule, Noon, Scope),
    ];

    private static Defense With(EnforcementMode mode) =>
        Known with { Policy = Policy with { Mode = mode }, Means = WithFlowSpec };

    [Fact]
    public void An_operator_starts_a_defence_with_reason_and_expiry() => With([])
        .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(1), "customer called")))
        .Then(
            new MitigationStarted(
                Scope.MitigationId, Guid.Empty, Scope.ServiceCode, Target, Noon.AddHours(1), Noon, [], Note: "customer called"),
            RuleRequested with { RequestedAt = Noon });

    [Theory]
    [InlineData(0, "customer called", "expiry-out-of-range")]
    [InlineData(-1, "customer called", "expiry-out-of-range")]
    [InlineData(25, "customer called", "expiry-out-of-range")]
    [InlineData(1, "", "reason-missing")]
    [InlineData(1, " ", "reason-missing")]
    public void Nothing_by_hand_stands_without_reason_or_for_ever(int hours, string note, string code) => With([])
        .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(hours), note)))
        .ThenRejected(code);

    [Fact]
    public void An_operator_is_held_by_the_rails_like_everybody() => With([])
        .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(1), "mine") with
        {
            Specs = [new(CountermeasureKind.Blackhole, System.Net.IPNetwork.Parse("198.51.100.1/32"))],
        }))
        .ThenRejected("target-outside-prefixes");

    [Fact]
    public void What_becomes_too_many_with_all_sources_that_are_let_through_is_refused()
    {
        var sources = Enumerable.Range(0, 500).Select(it => System.Net.IPNetwork.Parse($"198.51.{it / 256}.{it % 256}/32")).ToList();
        var many = Known with { Policy = Policy with { AllowedSources = sources } };
        With([])
            .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(1), "mine") with { Defense = many }))
            .ThenRejected("too-many-countermeasures");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], many, "more", Noon)))
            .ThenRejected("too-many-countermeasures");
    }

    [Fact]
    public void A_rule_is_added_to_what_stands_and_once_only() => With([.. StartedAtNoon, RuleRequested])
        .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], Known, "more", Noon)))
        .ThenUnchanged();

    [Fact]
    public void One_countermeasure_is_stopped_and_the_others_stay() => With([.. StartedAtNoon, RuleRequested])
        .When(state => MitigationDecider.Decide(
            state, new DropCountermeasure(Scope.MitigationId, RuleRequested.CountermeasureId, "hits the game", Noon.AddMinutes(2))))
        .Then(new CountermeasureDropped(Scope.ServiceCode, RuleRequested.CountermeasureId, "hits the game", Noon.AddMinutes(2)));

    [Fact]
    public void What_is_on_its_way_out_is_asked_for_again_at_once_by_hand_and_not_by_the_rules()
    {
        MitigationEvent[] stopped =
        [
            new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]),
            RuleRequested,
            new CountermeasureDropped(Scope.ServiceCode, RuleRequested.CountermeasureId, "our clocks need it", Noon.AddMinutes(2)),
        ];
        With(stopped)
            .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], Known, "again", Noon.AddMinutes(1))))
            .Then(new CountermeasuresAdded(Scope.ServiceCode, "again", Noon.AddMinutes(1)), RuleRequested);

        // The step's scrubbers are back: what its filters were is there again, but for the one that a person stopped.
        var policy = Policy with { Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(10))] };
        var defense = Known with { Policy = policy, Means = WithFlowSpec with { Scrubbing = true } };
        var ssdp = Ntp with { Vector = "ssdp" };
        var specs = DefensePlan.Next(Target, [Ntp, ssdp], policy, defense.Means, from: 0)!.Specs;
        var ntp = specs.Single(spec => spec.Rule?.SourcePort == NumberRange.Of(123));
        MitigationEvent[] gone =
        [
            new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp, ssdp]),
            .. specs.Select(spec => new CountermeasureRequested(spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, Noon, spec.Rule)),
            .. specs.Select(spec => new CountermeasureDropped(
                Scope.ServiceCode, spec.IdIn(Scope.MitigationId), "x", Noon, spec == ntp ? WithdrawalReason.Operator : WithdrawalReason.ScrubbersGone)),
        ];
        With(gone)
            .When(state => MitigationDecider.Decide(state, new Resume(Scope.MitigationId, defense, Noon.AddMinutes(1))))
            .Then(
            [
                new StepTaken(0, "There are scrubbers again.", Noon.AddMinutes(1)),
                .. specs.Where(spec => spec != ntp).Select(spec => new CountermeasureRequested(
                    spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, Noon.AddMinutes(1), spec.Rule)),
            ]);
    }

    [Fact]
    public void A_stopped_countermeasure_that_is_gone_ends_no_mitigation() => With(
            [.. StartedAtNoon, RuleRequested, new CountermeasureDropped(Scope.ServiceCode, RuleRequested.CountermeasureId, "x", Noon.AddMinutes(2))])
        .When(state => MitigationDecider.Decide(state, ReadGone() with
        {
            Gone = new Dictionary<Guid, System.Collections.Immutable.ImmutableHashSet<string>> { [RuleRequested.CountermeasureId] = ["edge"] },
        }))
        .Then(new CountermeasureWithdrawn(Scope, RuleRequested.CountermeasureId, WithdrawalReason.Operator, Noon.AddMinutes(7)));

    [Fact]
    public void A_countermeasure_of_nobody_cannot_be_stopped() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(state, new DropCountermeasure(Scope.MitigationId, AnomalyId, "x", Noon)))
        .ThenRejected("countermeasure-not-found");

    [Fact]
    public void Where_a_person_has_to_agree_the_countermeasure_is_only_proposed() => With([])
        .When(state => MitigationDecider.Decide(
            state, AMitigation.Start("203.0.113.10/32", With(EnforcementMode.AfterApproval), Ntp)))
        .Then(Proposed);

    [Fact]
    public void What_was_approved_goes_into_the_network() => With(Proposed)
        .When(state => MitigationDecider.Decide(
            state, new ApproveMitigation(Scope.MitigationId, [], With(EnforcementMode.AfterApproval), "looks right", Noon.AddMinutes(1))))
        .Then(new MitigationApproved(Scope.ServiceCode, "looks right", Noon.AddMinutes(1)), RuleRequested);

    [Fact]
    public void Approval_does_not_lead_past_a_rail_that_changed_meanwhile() => With(Proposed)
        .When(state => MitigationDecider.Decide(state, new ApproveMitigation(
            Scope.MitigationId,
            [],
            Known with { Contract = new ContractScope([System.Net.IPNetwork.Parse("198.51.100.0/24")], Ended: false) },
            "looks right",
            Noon)))
        .ThenRejected("target-outside-prefixes");

    [Fact]
    public void Nothing_is_approved_twice() => With([.. Proposed, new MitigationApproved(Scope.ServiceCode, "x", Noon), RuleRequested])
        .When(state => MitigationDecider.Decide(state, new ApproveMitigation(Scope.MitigationId, [], Known, "again", Noon)))
        .ThenRejected("nothing-proposed");

    [Fact]
    public void A_proposal_that_is_withdrawn_ends_at_once_because_nothing_stood() => With(Proposed)
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon.AddMinutes(1), "no")))
        .Then(
            new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.Operator, "no", Noon.AddMinutes(1)),
            new MitigationEnded(Scope, Defended: false, Noon.AddMinutes(1)));

    [Fact]
    public void A_dry_run_records_what_would_have_been_done_and_does_nothing() => With([])
        .When(state => MitigationDecider.Decide(state, AMitigation.Start("203.0.113.10/32", With(EnforcementMode.DryRun), Ntp)))
        .Then(
            new MitigationStarted(
                Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp], EnforcementMode.DryRun),
            new CountermeasureRehearsed(Rule.IdIn(Scope.MitigationId), Rule.Kind, Rule.Prefix, Rule.Rule, Noon));

    [Fact]
    public void A_dry_run_stays_one_by_hand_too() => With([])
        .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(1), "x") with { Defense = With(EnforcementMode.DryRun) }))
        .Then(
            new MitigationStarted(
                Scope.MitigationId, Guid.Empty, Scope.ServiceCode, Target, Noon.AddHours(1), Noon, [], EnforcementMode.DryRun, "x"),
            new CountermeasureRehearsed(Rule.IdIn(Scope.MitigationId), Rule.Kind, Rule.Prefix, Rule.Rule, Noon));

    [Fact]
    public void An_extension_moves_the_expiry_and_never_past_the_longest() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(
            state, new ExtendMitigation(Scope.MitigationId, TimeSpan.FromHours(2), MaximumDuration, Longest, "goes on", Noon.AddHours(23))))
        .Then(new MitigationExtended(Scope.ServiceCode, Noon.AddHours(25), "goes on", Noon.AddHours(23)));

    [Fact]
    public void An_extension_past_the_longest_is_refused() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(
            state, new ExtendMitigation(Scope.MitigationId, TimeSpan.FromHours(25), MaximumDuration, Longest, "for ever", Noon)))
        .ThenRejected("expiry-out-of-range");

    [Fact]
    public void Extensions_end_where_no_mitigation_stands_longer_and_what_is_ordered_to_stand_always_is_none_of_these()
    {
        var extend = new ExtendMitigation(Scope.MitigationId, MaximumDuration, MaximumDuration, Longest, "and on", Noon.AddHours(25));
        With(StartedAtNoon).When(state => MitigationDecider.Decide(state, extend)).ThenRejected("mitigation-stands-too-long");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(state, extend with { At = Noon.AddHours(24) }))
            .Then(new MitigationExtended(Scope.ServiceCode, Noon + Longest, "and on", Noon.AddHours(24)));
        With(((MitigationStarted)StartedAtNoon[0]) with { OrderId = AnomalyId }, StartedAtNoon[1])
            .When(state => MitigationDecider.Decide(state, extend with { OrderId = AnomalyId }))
            .Then(new MitigationExtended(Scope.ServiceCode, Noon.AddHours(49), "and on", Noon.AddHours(25)));
    }

    [Fact, Trait("Requirement", "R6")]
    public void What_stands_always_is_taken_out_by_its_order_and_by_the_rails_and_not_by_hand()
    {
        MitigationEvent[] standing = [((MitigationStarted)StartedAtNoon[0]) with { OrderId = AnomalyId }, StartedAtNoon[1]];
        var (withdraw, drop) = (Withdraw(WithdrawalReason.Operator, Noon.AddMinutes(1), "off"), new DropCountermeasure(Scope.MitigationId, CountermeasureId, "off", Noon));
        With(standing).When(state => MitigationDecider.Decide(state, withdraw)).ThenRejected("mitigation-stands-always");
        With(standing).When(state => MitigationDecider.Decide(state, drop)).ThenRejected("mitigation-stands-always");
        foreach (var reason in (WithdrawalReason[])[WithdrawalReason.KillSwitch, WithdrawalReason.ContractEnded, WithdrawalReason.DryRun])
        {
            With(standing).When(state => MitigationDecider.Decide(state, withdraw with { Reason = reason }))
                .Then(new WithdrawalRequested(Scope.ServiceCode, reason, "off", Noon.AddMinutes(1)));
        }
    }

    [Fact, Trait("Requirement", "R2")]
    public void What_a_person_added_while_scrubbers_were_away_stays_when_they_are_back_and_what_stood_in_their_stead_goes()
    {
        DefensePolicy policy = Policy with
        {
            Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(10)), new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(10))],
        };
        var there = Known with { Policy = policy, Means = new(FlowSpec: true, Scrubbing: true, Diverted: Families.IPv4, Returned: Families.IPv4) };
        var away = there with { Means = there.Means with { Scrubbing = false, ScrubbersAway = true } };
        var happened = new List<MitigationEvent>();
        Happens(state => MitigationDecider.Decide(state, AMitigation.Start("203.0.113.10/32", there, new VectorEvidence("ntp", 80_000_000, 20_000, 8_000_000))));
        Happens(state => MitigationDecider.Decide(state, new LeavePool(Scope.MitigationId, Pool: null, To: null, "nobody there", Noon)));
        Happens(state => MitigationDecider.Decide(state, new Resume(Scope.MitigationId, away, Noon.AddMinutes(1))));
        Happens(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], away, "by hand", Noon.AddMinutes(2), ByHand: true)));

        Happens(state => MitigationDecider.Decide(state, new Resume(Scope.MitigationId, there, Noon.AddMinutes(3))));

        var stands = Now().Countermeasures.Where(it => it.Value.Stage is CountermeasureStage.Wanted).Select(it => it.Value.Kind).Order();
        Assert.Equal([CountermeasureKind.FlowSpec, CountermeasureKind.Diversion, CountermeasureKind.Scrubbing], stands);

        MitigationState Now() => happened.Aggregate(MitigationState.Stream.Initial, MitigationState.Evolve);

        void Happens(Func<MitigationState, EventStore.Decision<MitigationEvent>> decide) =>
            happened.AddRange(((EventStore.Decision<MitigationEvent>.Accepted)decide(Now())).Events);
    }

    [Fact, Trait("Requirement", "R6")]
    public void Nothing_gets_round_its_expiry_by_joining_what_stands_always()
    {
        MitigationEvent[] standing = [((MitigationStarted)StartedAtNoon[0]) with { OrderId = AnomalyId }, StartedAtNoon[1]];
        var add = new AddCountermeasures(Scope.MitigationId, [Rule], Known, "more", Noon.AddMinutes(1));
        var extend = new ExtendMitigation(Scope.MitigationId, TimeSpan.FromHours(2), MaximumDuration, Longest, "and on", Noon.AddHours(23));
        With(standing).When(state => MitigationDecider.Decide(state, add)).ThenRejected("mitigation-stands-always");
        With(standing).When(state => MitigationDecider.Decide(state, extend)).ThenRejected("mitigation-stands-always");
        With(standing)
            .When(state => MitigationDecider.Decide(state, add with { OrderId = AnomalyId })) // who keeps it follows the contract
            .Then(new CountermeasuresAdded(Scope.ServiceCode, "more", Noon.AddMinutes(1)), RuleRequested);
    }

    [Fact]
    public void Allowed_sources_pass_before_what_is_put_in_by_hand_too()
    {
        var allows = Known with { Policy = Policy with { AllowedSources = [System.Net.IPNetwork.Parse("198.51.100.0/24")] } };
        var accept = Rule with { Rule = new TrafficRule(Target, TrafficAction.Accept, System.Net.IPNetwork.Parse("198.51.100.0/24")) };
        var accepted = RuleRequested with { CountermeasureId = accept.IdIn(Scope.MitigationId), Rule = accept.Rule };
        With([])
            .When(state => MitigationDecider.Decide(state, Start(TimeSpan.FromHours(1), "customer called") with { Defense = allows }))
            .Then(
                new MitigationStarted(Scope.MitigationId, Guid.Empty, Scope.ServiceCode, Target, Noon.AddHours(1), Noon, [], Note: "customer called"),
                accepted with { RequestedAt = Noon },
                RuleRequested with { RequestedAt = Noon });
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(
                state, new AddCountermeasures(Scope.MitigationId, [Rule], allows, "more of it", Noon.AddMinutes(1))))
            .Then(new CountermeasuresAdded(Scope.ServiceCode, "more of it", Noon.AddMinutes(1)), accepted, RuleRequested);
        With(Proposed)
            .When(state => MitigationDecider.Decide(state, new ApproveMitigation(Scope.MitigationId, [], allows, "looks right", Noon.AddMinutes(1))))
            .Then(new MitigationApproved(Scope.ServiceCode, "looks right", Noon.AddMinutes(1)), accepted, RuleRequested); // listed since it was proposed
    }

    [Fact, Trait("Requirement", "R27")]
    public void What_needs_scrubbers_that_have_no_room_for_the_contract_is_refused_and_what_does_not_is_not()
    {
        var full = Known with { Means = WithFlowSpec with { NoRoom = true } };
        With([])
            .When(state => MitigationDecider.Decide(
                state, Start(TimeSpan.FromHours(1), "x") with { Defense = full, Specs = [new(CountermeasureKind.Diversion, Target)] }))
            .ThenRejected("capacity-exceeded");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(
                state, new AddCountermeasures(Scope.MitigationId, [Rule with { Kind = CountermeasureKind.Scrubbing }], full, "x", Noon)))
            .ThenRejected("capacity-exceeded");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], full, "x", Noon.AddMinutes(1))))
            .Then(new CountermeasuresAdded(Scope.ServiceCode, "x", Noon.AddMinutes(1)), RuleRequested);
    }

    [Fact, Trait("Requirement", "R27")]
    public void What_needs_scrubbers_of_which_none_is_there_is_refused_with_a_code_of_its_own()
    {
        var away = Known with { Means = WithFlowSpec with { NoRoom = true, ScrubbersAway = true } };
        With([])
            .When(state => MitigationDecider.Decide(
                state, Start(TimeSpan.FromHours(1), "x") with { Defense = away, Specs = [new(CountermeasureKind.Diversion, Target)] }))
            .ThenRejected("scrubbers-away");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], away, "x", Noon.AddMinutes(1))))
            .Then(new CountermeasuresAdded(Scope.ServiceCode, "x", Noon.AddMinutes(1)), RuleRequested);
    }

    [Fact]
    public void What_is_being_withdrawn_takes_no_more_orders() => With([.. StartedAtNoon, Withdrawing])
        .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], Known, "more", Noon)))
        .ThenRejected("mitigation-not-standing");

    [Fact]
    public void A_step_that_did_not_help_is_followed_by_the_next()
    {
        var blackhole = new CountermeasureSpec(CountermeasureKind.Blackhole, Target);
        With([Proposed[0] with { }, RuleRequested, new MitigationApproved(Scope.ServiceCode, "x", Noon)])
            .When(state => MitigationDecider.Decide(
                state, new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", With(EnforcementMode.Automatic), Noon.AddMinutes(2))))
            .Then(
                new StepTaken(2, "unchanged", Noon.AddMinutes(2)),
                new CountermeasureRequested(
                    blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Noon.AddMinutes(2)));
    }

    [Fact]
    public void Why_no_step_follows_is_kept_once_and_again_after_the_next_step_that_is_taken()
    {
        var full = With(EnforcementMode.Automatic) with { Slot = SlotAnswer.TenantFull };
        var refused = new StepRefused(Scope, 2, "tenant-cap-reached", MitigationRejections.TenantCapReached.Detail, Noon.AddMinutes(2));
        MitigationEvent[] standing = [Proposed[0] with { }, RuleRequested, new MitigationApproved(Scope.ServiceCode, "x", Noon)];
        With(standing).When(state => MitigationDecider.Decide(state, Next(full))).Then(refused);
        With([.. standing, refused]).When(state => MitigationDecider.Decide(state, Next(full))).ThenRejected("tenant-cap-reached");
        With([.. standing, refused]).When(state => MitigationDecider.Decide(state, Next(full with { Slot = SlotAnswer.AllFull }))).ThenRejected("total-cap-reached");
        With([.. standing, refused, new StepTaken(0, "There are scrubbers again.", Noon)]).When(state => MitigationDecider.Decide(state, Next(full))).Then(refused);

        var recorded = new EventStore.RecordedEvent(
            1, Guid.Empty, EventStore.TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001")), "mitigation", "", 1, refused, Noon, new(null, null, null, null, null));
        var told = Assert.IsType<Contracts.Mitigation.V1.MitigationStepRefused>(new MitigationPublications().Publish(recorded));
        Assert.Equal((AnomalyId, "tenant-cap-reached", refused.Detail, refused.RefusedAt), (told.AnomalyId, told.Code, told.Detail, told.RefusedAt));

        // The same where nothing stands any more, because the scrubbers of the step are gone.
        var policy = Policy with { Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(10)), new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(10))] };
        var diversion = new CountermeasureSpec(CountermeasureKind.Diversion, Target);
        MitigationEvent[] gone =
        [
            new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]),
            new CountermeasureRequested(diversion.IdIn(Scope.MitigationId), diversion.Kind, Target, Noon),
            new CountermeasureDropped(Scope.ServiceCode, diversion.IdIn(Scope.MitigationId), "x", Noon, WithdrawalReason.ScrubbersGone),
        ];
        With(gone)
            .When(state => MitigationDecider.Decide(state, new Resume(Scope.MitigationId, full with { Policy = policy }, Noon.AddMinutes(2))))
            .Then(refused with { Step = 1 });

        static Escalate Next(Defense defense) => new(Scope.MitigationId, LeavesStep: 0, "unchanged", defense, Noon.AddMinutes(2));
    }

    [Fact]
    public void A_step_that_would_add_nothing_to_what_stands_is_passed_over()
    {
        var udp = new VectorEvidence("udp", 80_000_000, 20_000, 8_000_000, null);
        var limit = new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.RateLimit, Protocol: 17, BytesPerSecond: 1_000_000));
        var (blackhole, patience) = (new CountermeasureSpec(CountermeasureKind.Blackhole, Target), TimeSpan.FromSeconds(10));
        var defense = With(EnforcementMode.Automatic);
        defense = defense with
        {
            Policy = Policy with
            {
                Steps =
                [
                    new(DefenseStepKind.FlowSpecRateLimit, patience),
                    new(DefenseStepKind.FlowSpecDiscard, patience), // of a broad vector the same rate limit
                    new(DefenseStepKind.Blackhole, patience),
                ],
            },
        };
        With(
            new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [udp]),
            new CountermeasureRequested(limit.IdIn(Scope.MitigationId), limit.Kind, Target, Noon, limit.Rule))
            .When(state => MitigationDecider.Decide(
                state, new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", defense, Noon.AddMinutes(2))))
            .Then(
                new StepTaken(2, "unchanged", Noon.AddMinutes(2)),
                new CountermeasureRequested(blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Noon.AddMinutes(2)));
    }

    [Fact]
    public void Nobody_escalates_past_the_last_step_or_after_the_end_of_the_attack()
    {
        With([Proposed[0], new MitigationApproved(Scope.ServiceCode, "x", Noon), new StepTaken(2, "unchanged", Noon)])
            .When(state => MitigationDecider.Decide(state, new Escalate(Scope.MitigationId, 2, "unchanged", Known, Noon)))
            .ThenUnchanged();
        With([Proposed[0], EndNoted])
            .When(state => MitigationDecider.Decide(state, new Escalate(Scope.MitigationId, 0, "unchanged", Known, Noon)))
            .ThenUnchanged();
    }

    [Fact]
    public void Who_agreed_to_one_step_has_not_agreed_to_the_next()
    {
        var blackhole = new CountermeasureSpec(CountermeasureKind.Blackhole, Target);
        var mode = With(EnforcementMode.AfterApproval);
        With([.. Proposed, new MitigationApproved(Scope.ServiceCode, "x", Noon), RuleRequested])
            .When(state => MitigationDecider.Decide(
                state, new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", mode, Noon.AddMinutes(2))))
            .Then(
                new StepTaken(2, "unchanged", Noon.AddMinutes(2)),
                new CountermeasureProposed(
                    blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Rule: null, Noon.AddMinutes(2), Scope));
        With([
                .. Proposed, new MitigationApproved(Scope.ServiceCode, "x", Noon), RuleRequested, new StepTaken(2, "unchanged", Noon),
                new CountermeasureProposed(blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Rule: null, Noon),
            ])
            .When(state => MitigationDecider.Decide(state, new ApproveMitigation(Scope.MitigationId, [], mode, "that too", Noon.AddMinutes(3))))
            .Then(
                new MitigationApproved(Scope.ServiceCode, "that too", Noon.AddMinutes(3)),
                new CountermeasureRequested(
                    blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Noon.AddMinutes(3)));
    }

    [Fact]
    public void In_a_dry_run_nothing_that_was_proposed_added_or_planned_before_gets_into_the_network()
    {
        var rehearsal = With(EnforcementMode.DryRun);
        With(Proposed)
            .When(state => MitigationDecider.Decide(state, new ApproveMitigation(Scope.MitigationId, [], rehearsal, "looks right", Noon)))
            .ThenRejected("dry-run");
        With(StartedAtNoon)
            .When(state => MitigationDecider.Decide(state, new AddCountermeasures(Scope.MitigationId, [Rule], rehearsal, "more", Noon)))
            .Then(
                new CountermeasuresAdded(Scope.ServiceCode, "more", Noon),
                new CountermeasureRehearsed(RuleRequested.CountermeasureId, Rule.Kind, Rule.Prefix, Rule.Rule, Noon));
        With([new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]), RuleRequested])
            .When(state => MitigationDecider.Decide(state, new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", rehearsal, Noon)))
            .Then(
                new StepTaken(2, "unchanged", Noon),
                new CountermeasureRehearsed(CountermeasureId, CountermeasureKind.Blackhole, Target, Rule: null, Noon));
    }

    private static Platform.Testing.Spec<MitigationState, MitigationEvent> With(params IEnumerable<MitigationEvent> happened) =>
        AMitigation.With(happened);

    private static StartByHand Start(TimeSpan duration, string note) => new(ByHand, [Rule], Known, duration, note, Noon);
}
