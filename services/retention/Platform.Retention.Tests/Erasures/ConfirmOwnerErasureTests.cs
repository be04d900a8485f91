using Platform.Retention.Erasures;
using Platform.Testing;
using static Platform.Retention.Tests.Erasures.AnErasure;

namespace Platform.Retention.Tests.Erasures;

public sealed class ConfirmOwnerErasureTests
{
    [Fact]
    public void An_answer_is_recorded_while_another_is_missing() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce)
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 3)))
        .Then(Confirmed("reporting", 3));

    [Fact]
    [Trait("Requirement", "R14")]
    public void The_last_answer_is_certified_with_the_counts_of_all() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("reporting", 3))
        .When(state => ErasureDecider.Decide(state, Answer("accounts", 0)))
        .Then(Confirmed("accounts", 0), Certified(0, 3));

    [Fact]
    public void The_order_of_the_answers_does_not_show_in_the_certificate() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("accounts", 0))
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 3)))
        .Then(Confirmed("reporting", 3), Certified(0, 3));

    [Fact]
    public void The_first_answer_of_an_owner_counts() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("reporting", 3))
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 0)))
        .ThenUnchanged();

    [Fact]
    public void An_answer_after_the_certificate_changes_nothing() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("accounts", 0), Confirmed("reporting", 3), Certified(0, 3))
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 3)))
        .ThenUnchanged();

    [Fact]
    public void An_answer_before_the_question_proves_nothing() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled)
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 3)))
        .ThenRejected("erasure-not-requested");

    [Fact]
    public void An_owner_that_was_not_asked_is_refused() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce)
        .When(state => ErasureDecider.Decide(state, Answer("gateway", 1)))
        .ThenRejected("owner-not-asked");

    [Fact]
    public void An_answer_to_an_erasure_that_nothing_led_to_is_refused() => Spec
        .For(ErasureState.Stream)
        .When(state => ErasureDecider.Decide(state, Answer("reporting", 3)))
        .ThenRejected("erasure-not-found");
}
