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

    private static ApproveMitigation Approve(params CountermeasureSpec[] seen) =>
        new(Scope.MitigationId, [.. seen.Select(spec => spec.IdIn(Scope.MitigationId))], Asks, "looks right", Noon.AddMinutes(3));

    private static CountermeasureProposed Proposed(CountermeasureSpec spec) =>
        new(spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, spec.Rule, Noon, Scope);

    private static CountermeasureRequested Requested(CountermeasureSpec spec) =>
        new(spec.IdIn(Scope.MitigationId), spec.Kind, spec.Prefix, Noon.AddMinutes(3), spec.Rule);
}
