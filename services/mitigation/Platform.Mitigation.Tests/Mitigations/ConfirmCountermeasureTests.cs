using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

public sealed class ConfirmCountermeasureTests
{
    [Fact]
    public void A_countermeasure_is_in_force_when_the_speaker_was_read_back_with_it() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(state, ReadBack()))
        .Then(Announced);

    [Fact]
    public void Each_speaker_confirms_for_itself() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, ReadBack("core")))
        .Then(Announced with { Speaker = "core" });

    [Fact]
    public void A_speaker_that_holds_it_again_after_a_restart_is_no_news() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, ReadBack()))
        .ThenUnchanged();

    [Fact]
    public void A_read_back_that_comes_after_the_withdrawal_is_no_news() => With([.. StartedAtNoon, Withdrawing])
        .When(state => MitigationDecider.Decide(state, ReadBack()))
        .ThenUnchanged();

    [Fact]
    public void A_countermeasure_of_another_mitigation_is_not_confirmed_here() => With(StartedAtNoon)
        .When(state => MitigationDecider.Decide(state, ReadBack() with { Routes = new Dictionary<Guid, string> { [AnomalyId] = "203.0.113.10/32" } }))
        .ThenUnchanged();

    [Fact]
    public void The_mitigation_ends_when_the_only_speaker_no_longer_holds_it() => With([.. StartedAtNoon, Announced, Withdrawing])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .Then(Over);

    [Fact]
    public void As_long_as_one_speaker_was_not_read_the_mitigation_goes_on() => With([.. StartedAtNoon, Announced, Withdrawing])
        .When(state => MitigationDecider.Decide(state, ReadGone("edge", "edge", "core")))
        .Then(new CountermeasureCleared(CountermeasureId, "edge", Noon.AddMinutes(7)));

    [Fact]
    public void The_mitigation_ends_with_the_last_speaker() => With(
            [.. StartedAtNoon, Announced, Withdrawing, new CountermeasureCleared(CountermeasureId, "edge", Noon.AddMinutes(7))])
        .When(state => MitigationDecider.Decide(state, ReadGone("core", "edge", "core")))
        .Then(Over);

    [Fact]
    public void The_mitigation_ends_when_the_last_speaker_that_was_not_read_is_none_any_more()
    {
        MitigationEvent[] cleared = [.. StartedAtNoon, Announced, Withdrawing, new CountermeasureCleared(CountermeasureId, "edge", Noon.AddMinutes(7))];
        With(cleared).When(state => MitigationDecider.Decide(state, ReadGone("edge", "edge", "core"))).ThenUnchanged();
        With(cleared).When(state => MitigationDecider.Decide(state, ReadGone("edge", "edge"))).Then(Over);
    }

    [Fact]
    public void A_mitigation_that_never_came_into_force_says_so() => With([.. StartedAtNoon, Withdrawing])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .Then(
            new CountermeasureWithdrawn(Scope, CountermeasureId, WithdrawalReason.AnomalyEnded, Noon.AddMinutes(7)),
            new MitigationEnded(Scope, Defended: false, Noon.AddMinutes(7)));

    [Fact]
    public void A_route_that_is_missing_while_it_shall_stand_ends_nothing() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .ThenUnchanged();

    [Fact]
    public void Reading_it_gone_twice_ends_the_mitigation_once() => With([.. StartedAtNoon, Announced, Withdrawing, .. Over])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .ThenUnchanged();
}
