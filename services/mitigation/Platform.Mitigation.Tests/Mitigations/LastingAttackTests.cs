using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>Attacks that go on for days, and attacks that come back.</summary>
public sealed class LastingAttackTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(2);

    [Fact]
    public void An_attack_that_is_seen_to_go_on_keeps_its_defence() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(20))))
        .Then(new MitigationExtended(Scope.ServiceCode, Noon.AddHours(44), "seen", Noon.AddHours(20), ByRule: true));

    [Fact]
    public void Long_before_the_expiry_nothing_is_moved() => With([.. StartedAtNoon, Announced])
        .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(17))))
        .ThenUnchanged();

    [Fact]
    public void No_attack_moves_the_expiry_past_the_longest_that_anything_stands()
    {
        var renewed = new MitigationExtended(Scope.ServiceCode, Noon.AddHours(44), "seen", Noon.AddHours(20), ByRule: true);
        With([.. StartedAtNoon, renewed])
            .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(40))))
            .Then(new MitigationExtended(Scope.ServiceCode, Noon + Longest, "seen", Noon.AddHours(40), ByRule: true));
        With([.. StartedAtNoon, renewed, renewed with { ExpiresAt = Noon + Longest }])
            .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(47))))
            .ThenUnchanged();
    }

    [Fact]
    public void An_expiry_that_an_operator_set_stays() =>
        With([.. StartedAtNoon, new MitigationExtended(Scope.ServiceCode, Noon.AddHours(2), "until two", Noon)])
            .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(1))))
            .ThenUnchanged();

    [Fact]
    public void What_is_over_or_was_begun_by_hand_is_not_renewed()
    {
        With([.. StartedAtNoon, EndNoted]).When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(20)))).ThenUnchanged();
        With(((MitigationStarted)StartedAtNoon[0]) with { AnomalyId = Guid.Empty })
            .When(state => MitigationDecider.Decide(state, Renew(Noon.AddHours(20))))
            .ThenUnchanged();
    }

    [Fact]
    public void That_nobody_sees_an_attack_is_no_end_of_what_stands_against_it()
    {
        var unseen = new AnomalySightLost(End.EndedAt);
        With([.. StartedAtNoon, Announced]).When(state => MitigationDecider.Decide(state, new NoteSightLost(End))).Then(unseen);
        With([.. StartedAtNoon, unseen]).When(state => MitigationDecider.Decide(state, new NoteSightLost(End))).ThenUnchanged();
        With([.. StartedAtNoon, unseen]).When(state => MitigationDecider.Decide(state, End)).Then(EndNoted); // somebody sees that it is over
        With([.. StartedAtNoon, EndNoted]).When(state => MitigationDecider.Decide(state, new NoteSightLost(End))).ThenUnchanged();
        With(StartedAtNoon[0]).When(state => MitigationDecider.Decide(state, new NoteSightLost(End))).Then(EndNoted); // nothing stands
        With([]).When(state => MitigationDecider.Decide(state, new NoteSightLost(End))).Then(EndNoted); // the wrong order: there will be nothing to keep
    }

    [Theory]
    [InlineData(0, 30)]
    [InlineData(1, 60)]
    [InlineData(3, 240)]
    [InlineData(5, 600)]
    [InlineData(5_000, 600)]
    public void What_comes_back_to_the_same_target_is_held_longer_each_time_up_to_a_limit(int before, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new MitigationOptions().HoldAfter(before));

    [Fact]
    public void The_longest_hold_never_shortens_the_first() =>
        Assert.Equal(TimeSpan.FromHours(1), new MitigationOptions { Hold = TimeSpan.FromHours(1) }.HoldAfter(0));

    private static RenewMitigation Renew(DateTimeOffset at) => new(Scope.MitigationId, MaximumDuration, Longest, "seen", at);
}
