using System.Net;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>Who agreed to a rule has not agreed to what was proposed after it was looked at.</summary>
public sealed class ApprovalTests
{
    private static readonly Defense Asks = Known with { Policy = Policy with { Mode = EnforcementMode.AfterApproval }, Means = WithFlowSpec };

    private static readonly CountermeasureSpec Rule = new(
        CountermeasureKind.FlowSpec, Target, new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(123)));

    private static readonly CountermeasureSpec Allowance = Rule with
    {
        Rule = new TrafficRule(Target, TrafficAction.Accept, IPNetwork.Parse("198.51.100.0/24")),
    };

    private static readonly CountermeasureSpec Blackhole = new(CountermeasureKind.Blackhole, Target);

    private static readonly MitigationApproved Agreed = new(Scope.ServiceCode, "looks right", Noon.AddMinutes(3));

    /// <summary>A rule waits, and since a moment a blackhole too.</summary>
    private static readonly MitigationEvent[] Waiting =
    [
        new MitigationStarted(
            Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [], EnforcementMode.AfterApproval),
        Proposed(Allowance),
        Proposed(Rule),
        new StepTaken(2, "unchanged", Noon),
        Proposed(Blackhole),
    ];

    [Fact]
    public void Only_what_was_seen_goes_into_the_network_with_what_lets_allowed_sources_through_it() => With(Waiting)
        .When(state => MitigationDecider.Decide(state, Approve(Rule)))
        .Then(Agreed, Requested(Allowance), Requested(Rule));

    [Fact]
    public void Who_names_nothing_agrees_to_the_earliest_step_that_waits() => With(Waiting)
        .When(state => MitigationDecider.Decide(state, Approve()))
        .Then(Agreed, Requested(Allowance), Requested(Rule));

    [Fact]
    public void What_went_on_waiting_is_agreed_to_by_itself() => With([.. Waiting, Agreed, Requested(Allowance), Requested(Rule)])
        .When(state => MitigationDecider.Decide(state, Approve(Blackhole)))
        .Then(Agreed, Requested(Blackhole));

    [Fact]
    public void What_was_agreed_to_meanwhile_is_not_asked_for_again() => With([.. Waiting, Agreed, Requested(Allowance), Requested(Rule)])
        .When(state => MitigationDecider.Decide(state, Approve(Rule)))
        .ThenRejected("nothing-proposed");

    [Fact]
    public void Nobody_agrees_to_what_is_not_there() => With(Waiting)
        .When(state => MitigationDecider.Decide(state, Approve(Blackhole with { Prefix = IPNetwork.Parse("203.0.113.11/32") })))
        .ThenRejected("countermeasure-not-found");

    [Fact]
    public void What_a_person_adds_to_a_defence_that_waits_is_agreed_to_and_what_the_rules_proposed_goes_on_waiting()
    {
        var narrow = Rule with { Rule = Rule.Rule! with { Protocol = 6, SourcePort = null, DestinationPort = NumberRange.Of(25) } };
        var allows = Asks with { Policy = Asks.Policy with { AllowedSources = [Allowance.Rule!.Source!.Value] } };
        With(Waiting)
            .When(state => MitigationDecider.Decide(state, Add(narrow) with { Defense = allows }))
            .Then(Added, Requested(Allowance), Requested(narrow)); // what lets through waited with the other rule
        With(Waiting).When(state => MitigationDecider.Decide(state, Add(Rule))).Then(Added, Requested(Rule)); // the same as was proposed
        With([.. Waiting, Requested(Rule)]).When(state => MitigationDecider.Decide(state, Add(Rule))).ThenUnchanged();
    }

    [Fact]
    public void What_is_declined_is_over_with_the_reason_is_never_agreed_to_with_the_rest_and_never_proposed_again()
    {
        With(Waiting).When(state => MitigationDecider.Decide(state, Stop(Blackhole))).Then(Declined(Blackhole));
        With(Waiting).When(state => MitigationDecider.Decide(state, Stop(Rule))).Then([.. Declined(Rule), .. Declined(Allowance)]);
        With(Waiting).When(state => MitigationDecider.Decide(state, Stop(Rule) with { Note = " " })).ThenRejected("reason-missing");

        MitigationEvent[] declined = [.. Waiting, .. Declined(Blackhole)];
        With([.. declined, Agreed, Requested(Allowance), Requested(Rule)]).When(state => MitigationDecider.Decide(state, Approve())).ThenRejected("nothing-proposed");
        With(declined).When(state => MitigationDecider.Decide(state, Approve(Blackhole))).ThenRejected("nothing-proposed");
        With(declined).When(state => MitigationDecider.Decide(state, Stop(Blackhole))).ThenUnchanged();
        With([.. Waiting[..3], Proposed(Blackhole), .. Declined(Blackhole)])
            .When(state => MitigationDecider.Decide(state, new Escalate(Scope.MitigationId, LeavesStep: 0, "unchanged", Asks, Noon)))
            .ThenUnchanged();
        With([.. Waiting, .. Declined(Rule), .. Declined(Allowance), .. Declined(Blackhole)])
            .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon, "no need")))
            .Then(
                new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.Operator, "no need", Noon),
                new MitigationEnded(Scope, Defended: false, Noon)); // nothing of it holds the end up
    }

    private static readonly CountermeasuresAdded Added = new(Scope.ServiceCode, "by hand", Noon.AddMinutes(3));

    private static AddCountermeasures Add(CountermeasureSpec spec) => new(Scope.MitigationId, [spec], Asks, "by hand", Noon.AddMinutes(3));

    private static DropCountermeasure Stop(CountermeasureSpec spec) => new(Scope.MitigationId, spec.IdIn(Scope.MitigationId), "not that", Noon.AddMinutes(2));

    private static MitigationEvent[] Declined(CountermeasureSpec spec) =>
    [
        new CountermeasureDropped(Scope.ServiceCode, spec.IdIn(Scope.MitigationId), "not that", Noon.AddMinutes(2)),
        new CountermeasureWithdrawn(Scope, spec.IdIn(Scope.MitigationId), WithdrawalReason.Operator, Noon.AddMinutes(2)),
    ];

    private static ApproveMitigation Approve(params CountermeasureSpec[] seen) =>
        new(Scope.MitigationId, [.. seen.Select(spec => spec.IdIn(Scope.MitigationId))], Asks, "looks right", Noon.AddMinutes(3));

    private static CountermeasureProposed Proposed(CountermeasureSpec spec) =>
        new(spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, spec.Rule, Noon, Scope);

    private static CountermeasureRequested Requested(CountermeasureSpec spec) =>
        new(spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, Noon.AddMinutes(3), spec.Rule);
}
