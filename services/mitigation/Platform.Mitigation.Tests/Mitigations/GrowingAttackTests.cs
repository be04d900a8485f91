using Platform.Mitigation.Effects;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>Attacks of which more is seen while they are defended.</summary>
public sealed class GrowingAttackTests
{
    private static readonly VectorEvidence Ntp = new("ntp", 80_000_000, 20_000, 1_000_000, null);
    private static readonly CountermeasureSpec Rule = new(
        CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(123)));

    private static readonly CountermeasureRequested RuleRequested =
        new(Rule.IdIn(Scope.MitigationId), Rule.Kind, Rule.Prefix, Noon.AddMinutes(1), Rule.Rule);

    [Fact]
    public void A_vector_that_joins_the_attack_gains_its_rule()
    {
        var dns = new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null);
        var rule = new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(1900)));
        With([new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]), RuleRequested])
            .When(state => MitigationDecider.Decide(
                state, new NoteEvidence(Scope.MitigationId, [dns], Automatic, Noon.AddMinutes(1))))
            .Then(
                new EvidenceGrew([dns, Ntp], Noon.AddMinutes(1)),
                new CountermeasureRequested(rule.IdIn(Scope.MitigationId), rule.Kind, Target, Noon.AddMinutes(1), rule.Rule));
    }

    [Fact]
    public void A_flood_that_joins_or_outgrows_what_explained_it_gains_its_limit()
    {
        var (udp, limit) = (new VectorEvidence("udp", 1_000_000_000, 250_000, 10_000_000, null), new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.RateLimit, Protocol: 17, BytesPerSecond: 1_250_000)));
        var requested = new CountermeasureRequested(limit.IdIn(Scope.MitigationId), limit.Kind, Target, Noon.AddMinutes(1), limit.Rule);
        var explained = udp with { BitsPerSecond = Ntp.BitsPerSecond, PacketsPerSecond = Ntp.PacketsPerSecond };
        foreach (var known in (VectorEvidence[][])[[Ntp], [Ntp, explained]])
        {
            MitigationEvent[] standing = [new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, known), RuleRequested];
            With(standing).When(state => MitigationDecider.Decide(state, More(udp))).Then(new EvidenceGrew([udp, Ntp], Noon.AddMinutes(1)), requested);
            With([.. standing, new EvidenceGrew([udp, Ntp], Noon.AddMinutes(1)), requested])
                .When(state => MitigationDecider.Decide(state, More(udp)))
                .ThenUnchanged();
        }

        With([new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]), RuleRequested])
            .When(state => MitigationDecider.Decide(state, More(explained)))
            .Then(new EvidenceGrew([explained, Ntp], Noon.AddMinutes(1)));
    }

    [Fact]
    public void What_an_effect_is_held_against_is_the_most_that_was_told_of_the_attack_until_a_moment_after_something_came_into_force()
    {
        var (part, whole) = (Ntp with { BitsPerSecond = 30_000_000, PacketsPerSecond = 7_500 }, Ntp);
        MitigationEvent[] standing = [new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [part]), RuleRequested];
        var inForce = new CountermeasureAnnounced(Scope, RuleRequested.CountermeasureId, RuleRequested.Kind, "route", "edge", Noon.AddSeconds(1));
        var grown = new EvidenceGrew([whole], Noon.AddMinutes(1));
        With(standing).When(state => MitigationDecider.Decide(state, More(whole) with { ToldAt = Noon.AddSeconds(9) })).Then(grown);
        With([.. standing, inForce]).When(state => MitigationDecider.Decide(state, More(whole) with { ToldAt = Noon.AddSeconds(3) })).Then(grown);
        With([.. standing, inForce]).When(state => MitigationDecider.Decide(state, More(whole) with { ToldAt = Noon.AddSeconds(3.1) })).ThenUnchanged();
        With([.. standing, grown]).When(state => MitigationDecider.Decide(state, More(part) with { ToldAt = Noon })).ThenUnchanged(); // less than was told

        // Of what a defence leaves nobody says that it was all: a vector joins, and of the other little is left.
        var ssdp = new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null);
        var left = whole with { BitsPerSecond = 2_000_000, PacketsPerSecond = 500 };
        var joined = Assert.IsType<EvidenceGrew>(Assert.IsType<EventStore.Decision<MitigationEvent>.Accepted>(MitigationDecider.Decide(
            MitigationState.Stream.Fold([.. standing, grown, inForce]), More(ssdp, left))).Events[0]);
        Assert.Equal((80_000_000, 130_000_000), (EffectRules.Before(joined.Evidence).Greatest, EffectRules.Before(joined.Evidence).All));

        // Also the last word, whatever was said before.
        var said = new EffectMeasured(Scope, RuleRequested.CountermeasureId, new(30_000_000, 0, null, null, null, null, "helped"), Noon.AddSeconds(2));
        var gone = new CountermeasureWithdrawn(Scope, RuleRequested.CountermeasureId, WithdrawalReason.AnomalyEnded, Noon.AddMinutes(2));
        With([.. standing, inForce, said, grown, gone])
            .When(state => MitigationDecider.Decide(state, new NoteAftermath(RuleRequested.CountermeasureId, 0, Noon.AddMinutes(3))))
            .Then(said with
            {
                Effect = said.Effect with { BeforeBitsPerSecond = 80_000_000, AfterBitsPerSecond = 0, Words = "After it went 0 Mbit/s arrived." },
                MeasuredAt = Noon.AddMinutes(3),
                IsFinal = true,
            });
    }

    [Fact]
    public void A_vector_that_joins_while_there_is_no_room_is_answered_when_there_is_some()
    {
        var ssdp = new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null);
        var rule = new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(1900)));
        var requested = new CountermeasureRequested(rule.IdIn(Scope.MitigationId), rule.Kind, Target, Noon.AddMinutes(1), rule.Rule);
        var refused = new EvidenceGrew([ssdp, Ntp], Noon.AddMinutes(1), ["ssdp"], "tenant-cap-reached");
        var grown = new EvidenceGrew([ssdp, Ntp], Noon.AddMinutes(1));
        MitigationEvent[] standing = [new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]), RuleRequested];
        var full = More(ssdp) with { Defense = Automatic with { Slot = SlotAnswer.TenantFull } };
        With(standing).When(state => MitigationDecider.Decide(state, full)).Then(refused);
        With([.. standing, refused]).When(state => MitigationDecider.Decide(state, full)).ThenUnchanged(); // said once
        With([.. standing, refused]).When(state => MitigationDecider.Decide(state, full with { Evidence = [] })).ThenUnchanged();
        With([.. standing, refused]).When(state => MitigationDecider.Decide(state, More())).Then(grown, requested);
        With([.. standing, refused, grown, requested]).When(state => MitigationDecider.Decide(state, More())).ThenUnchanged();
        With([.. standing, refused, new StepTaken(2, "x", Noon)]).When(state => MitigationDecider.Decide(state, More())).ThenUnchanged(); // the step answers all
    }

    [Fact]
    public void An_attack_that_grew_graver_is_known_as_that_and_what_answers_its_vectors_stands_as_it_was_decided()
    {
        var mild = new VectorEvidence("udp", 12_000_000, 10_000, null, 8_000);
        var grave = mild with { BitsPerSecond = 1_000_000_000, PacketsPerSecond = 400_000 };
        var limit = new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.RateLimit, Protocol: 17, BytesPerSecond: 1_200_000));
        MitigationEvent[] standing =
        [
            new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [mild]),
            new CountermeasureRequested(limit.IdIn(Scope.MitigationId), limit.Kind, Target, Noon, limit.Rule),
        ];
        var blackhole = new CountermeasureSpec(CountermeasureKind.Blackhole, Target);
        var defense = Automatic with
        {
            Policy = Policy with
            {
                Steps = [new(DefenseStepKind.FlowSpecDiscard, TimeSpan.FromSeconds(10)), new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(10), Severity.High)],
            },
        };
        var escalate = new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", defense, Noon.AddMinutes(2));
        With(standing)
            .When(state => MitigationDecider.Decide(state, new NoteEvidence(Scope.MitigationId, [grave], defense, Noon.AddMinutes(1))))
            .Then(new EvidenceGrew([grave], Noon.AddMinutes(1)));
        With([.. standing, new EvidenceGrew([grave], Noon.AddMinutes(1))])
            .When(state => MitigationDecider.Decide(state, new NoteEvidence(Scope.MitigationId, [grave], defense, Noon.AddMinutes(1))))
            .ThenUnchanged();
        With(standing).When(state => MitigationDecider.Decide(state, escalate)).ThenUnchanged();
        With([.. standing, new EvidenceGrew([grave], Noon.AddMinutes(1))])
            .When(state => MitigationDecider.Decide(state, escalate))
            .Then(
                new StepTaken(1, "unchanged", Noon.AddMinutes(2)),
                new CountermeasureRequested(blackhole.IdIn(Scope.MitigationId), CountermeasureKind.Blackhole, Target, Noon.AddMinutes(2)));
        var icmp = new VectorEvidence("icmp", 80_000_000, 20_000, 8_000_000, null);
        var joined = new CountermeasureSpec(
            CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.RateLimit, Protocol: 1, BytesPerSecond: 1_000_000));
        With([.. standing, new EvidenceGrew([grave], Noon.AddMinutes(1))])
            .When(state => MitigationDecider.Decide(state, new NoteEvidence(Scope.MitigationId, [icmp, grave], defense, Noon.AddMinutes(3))))
            .Then(
                new EvidenceGrew([icmp, grave], Noon.AddMinutes(3)),
                new CountermeasureRequested(joined.IdIn(Scope.MitigationId), joined.Kind, Target, Noon.AddMinutes(3), joined.Rule));
    }

    [Fact]
    public void A_policy_changed_meanwhile_puts_no_step_in_under_the_name_of_the_one_that_stands()
    {
        var ssdp = new VectorEvidence("ssdp", 50_000_000, 10_000, 1_000_000, null);
        var changed = Automatic with
        {
            Policy = Policy with { Steps = [new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(10), Severity.Critical)] },
        };
        With([new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp]), RuleRequested])
            .When(state => MitigationDecider.Decide(state, More(ssdp) with { Defense = changed }))
            .Then(new EvidenceGrew([ssdp, Ntp], Noon.AddMinutes(1)));
    }

    private static NoteEvidence More(params VectorEvidence[] seen) => new(Scope.MitigationId, seen, Automatic, Noon.AddMinutes(1));

    private static Defense Automatic => Known with { Means = WithFlowSpec };
}
