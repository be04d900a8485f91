using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

public sealed class WithdrawMitigationTests
{
    private static readonly DateTimeOffset AfterTheHold = EndNoted.HeldUntil;

    [Fact]
    public void The_end_of_the_anomaly_begins_the_hold() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, End))
        .Then(EndNoted);

    [Fact]
    public void The_end_of_the_anomaly_reported_again_does_not_prolong_the_hold() => With([.. StartedAtNoon, Announced, EndNoted])
        .When(state => MitigationDecider.Decide(state, End with { At = Noon.AddMinutes(9) }))
        .ThenUnchanged();

    [Fact]
    public void The_end_of_an_anomaly_that_was_never_reported_is_remembered() => With()
        .When(state => MitigationDecider.Decide(state, End))
        .Then(EndNoted);

    [Fact]
    public void The_end_of_an_anomaly_is_remembered_once_when_the_mitigation_is_over_so_that_nothing_by_hand_is_taken_to_be_against_it()
    {
        With([.. StartedAtNoon, Announced, Withdrawing, .. Over]).When(state => MitigationDecider.Decide(state, End)).Then(EndNoted);
        With([.. StartedAtNoon, Announced, Withdrawing, .. Over, EndNoted]).When(state => MitigationDecider.Decide(state, End)).ThenUnchanged();
    }

    [Fact]
    public void What_an_operator_extended_stands_until_then_whether_the_attack_ends_before_or_ended_already()
    {
        var (until, extended) = (Noon.AddHours(4), new MitigationExtended(Scope.ServiceCode, Noon.AddHours(4), "they come back", Noon.AddMinutes(4)));
        With([.. StartedAtNoon, Announced, extended])
            .When(state => MitigationDecider.Decide(state, End))
            .Then(EndNoted with { HeldUntil = until });
        foreach (var happened in (MitigationEvent[][])[[extended, EndNoted with { HeldUntil = until }], [EndNoted, extended]])
        {
            With([.. StartedAtNoon, Announced, .. happened])
                .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.AnomalyEnded, until.AddTicks(-1))))
                .ThenRejected("mitigation-still-held");
        }

        // What the rules moved on, and what is nearer than the hold, is no hold.
        With([.. StartedAtNoon, Announced, extended with { ByRule = true }]).When(state => MitigationDecider.Decide(state, End)).Then(EndNoted);
        With([.. StartedAtNoon, Announced, extended with { ExpiresAt = EndNoted.HeldUntil.AddTicks(-1) }])
            .When(state => MitigationDecider.Decide(state, End))
            .Then(EndNoted);
    }

    [Fact]
    public void A_mitigation_past_its_hold_is_withdrawn() => With([.. StartedAtNoon, Announced, EndNoted])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.AnomalyEnded, AfterTheHold)))
        .Then(new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.AnomalyEnded, null, AfterTheHold));

    [Fact]
    public void A_mitigation_within_its_hold_refuses_to_be_withdrawn() => With([.. StartedAtNoon, Announced, EndNoted])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.AnomalyEnded, AfterTheHold.AddTicks(-1))))
        .ThenRejected("mitigation-still-held");

    [Fact]
    public void A_mitigation_of_an_open_anomaly_is_not_withdrawn_as_ended() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.AnomalyEnded, AfterTheHold)))
        .ThenRejected("anomaly-still-open");

    [Fact]
    public void A_mitigation_whose_anomaly_never_ends_expires() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Expired, Noon + MaximumDuration)))
        .Then(new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.Expired, null, Noon + MaximumDuration));

    [Fact]
    public void A_mitigation_does_not_expire_early() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Expired, (Noon + MaximumDuration).AddTicks(-1))))
        .ThenRejected("mitigation-not-expired");

    [Fact]
    public void An_operator_withdraws_at_any_time_with_a_reason() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon.AddSeconds(2), "false alarm")))
        .Then(new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.Operator, "false alarm", Noon.AddSeconds(2)));

    [Theory]
    [InlineData(null)]
    [InlineData("  ")]
    public void An_operator_without_a_reason_is_refused(string? note) => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon, note)))
        .ThenRejected("reason-missing");

    [Fact]
    public void The_end_of_the_contract_withdraws_without_waiting_for_the_hold() => With([.. StartedAtNoon, Announced, EndNoted])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.ContractEnded, Noon.AddMinutes(5))))
        .Then(new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.ContractEnded, null, Noon.AddMinutes(5)));

    [Fact]
    public void A_second_withdrawal_changes_nothing() => With([.. StartedAtNoon, Announced, Withdrawing])
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon.AddMinutes(8), "again")))
        .ThenUnchanged();

    [Fact]
    public void A_mitigation_that_never_was_cannot_be_withdrawn() => With()
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon, "nothing there")))
        .ThenRejected("mitigation-not-found");

    [Fact]
    public void An_anomaly_that_only_ended_has_no_mitigation_to_withdraw() => With(EndNoted)
        .When(state => MitigationDecider.Decide(state, Withdraw(WithdrawalReason.Operator, Noon, "nothing there")))
        .ThenRejected("mitigation-not-found");
}
