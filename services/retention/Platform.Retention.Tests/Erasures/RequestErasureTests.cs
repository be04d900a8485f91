using Platform.Retention.Erasures;
using Platform.Testing;
using static Platform.Retention.Tests.Erasures.AnErasure;

namespace Platform.Retention.Tests.Erasures;

public sealed class RequestErasureTests
{
    [Fact]
    [Trait("Requirement", "R36")]
    public void A_tick_before_the_term_nothing_may_be_asked() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled)
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddTicks(-1) }))
        .ThenRejected("erasure-not-due");

    [Fact]
    [Trait("Requirement", "R36")]
    public void When_the_term_comes_the_owners_are_asked() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled)
        .When(state => ErasureDecider.Decide(state, Request))
        .Then(RequestedOnce);

    [Fact]
    public void They_are_not_asked_again_before_the_wait_is_over() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce)
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddMinutes(1).AddTicks(-1) }))
        .ThenUnchanged();

    [Fact]
    public void While_an_answer_is_missing_they_are_asked_again_after_twice_the_wait() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("accounts", 0))
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddMinutes(1) }))
        .Then(Requested(2, Due.AddMinutes(1), TimeSpan.FromMinutes(2)));

    [Fact]
    public void No_wait_is_longer_than_the_longest() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Requested(2, Due.AddMinutes(1), TimeSpan.FromMinutes(2)))
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddMinutes(3) }))
        .Then(Requested(3, Due.AddMinutes(3), TimeSpan.FromMinutes(3)));

    [Fact]
    public void Owners_that_the_settings_name_later_are_not_asked_in_the_middle() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce)
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddMinutes(1), Owners = ["somebody-new"] }))
        .Then(Requested(2, Due.AddMinutes(1), TimeSpan.FromMinutes(2)));

    [Fact]
    public void A_certified_erasure_asks_nobody() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled, RequestedOnce, Confirmed("accounts", 0), Confirmed("reporting", 3), Certified(0, 3))
        .When(state => ErasureDecider.Decide(state, Request with { At = Due.AddDays(1) }))
        .ThenUnchanged();

    [Fact]
    public void An_erasure_that_nothing_led_to_is_refused() => Spec
        .For(ErasureState.Stream)
        .When(state => ErasureDecider.Decide(state, Request))
        .ThenRejected("erasure-not-found");
}
