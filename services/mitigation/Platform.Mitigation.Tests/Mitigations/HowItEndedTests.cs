using System.Collections.Immutable;
using System.Net;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>What a customer is told of a defence that is over.</summary>
public sealed class HowItEndedTests
{
    private static readonly TrafficRule Accept = new(Target, TrafficAction.Accept, IPNetwork.Parse("198.51.100.0/24"));
    private static readonly DateTimeOffset Until = Noon.AddMinutes(4);

    [Theory, Trait("Requirement", "R3")]
    [InlineData(null, true)]
    [InlineData("unmeasured", true)]
    [InlineData("helped", true)]
    [InlineData("unchanged", false)]
    [InlineData("not-seen", false)]
    public void It_was_defended_unless_the_last_word_is_that_nothing_helped(string? verdict, bool defended) =>
        Ends(new MitigationEnded(Scope, defended, Noon.AddMinutes(7), NotHelped: !defended), verdict is null ? [] : [Said(verdict)]);

    [Fact]
    public void One_of_several_that_helped_is_enough()
    {
        var rule = new CountermeasureRequested(AnomalyId, CountermeasureKind.FlowSpec, Target, Noon, Accept with { Action = TrafficAction.Discard });
        Ends(
            new MitigationEnded(Scope, Defended: true, Noon.AddMinutes(7)),
            [rule, Announced with { CountermeasureId = AnomalyId }, Said("unchanged", of: AnomalyId), Said("helped")]);
    }

    [Fact]
    public void A_rule_whose_attack_stopped_by_itself_did_not_help_whatever_little_arrived_then()
    {
        Ends(new MitigationEnded(Scope, Defended: false, Noon.AddMinutes(7), NotHelped: true), Said("unchanged"), Said("helped", Until.AddSeconds(9)), Over());
        Ends(new MitigationEnded(Scope, Defended: true, Noon.AddMinutes(7)), Said("unchanged"), Said("helped", Until.AddSeconds(-9)), Over());
        Ends(new MitigationEnded(Scope, Defended: true, Noon.AddMinutes(7)), Said("helped", Until.AddSeconds(9)), Over());

        static AnomalyEndNoted Over() => EndNoted with { Until = Until };
    }

    [Fact]
    public void What_only_lets_allowed_sources_through_is_no_defence() => With(
        [
            StartedAtNoon[0],
            new CountermeasureRequested(CountermeasureId, CountermeasureKind.FlowSpec, Target, Noon, Accept),
            Announced with { IsAllowance = true },
            Withdrawing,
        ])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .Then(Gone, new MitigationEnded(Scope, Defended: false, Noon.AddMinutes(7)));

    [Fact]
    public void What_was_in_force_and_is_asked_for_anew_was_in_force() => Ends(
        new MitigationEnded(Scope, Defended: true, Noon.AddMinutes(7)), Said("helped"), StartedAtNoon[1]);

    [Fact]
    public void A_diversion_to_filters_that_changed_nothing_is_no_defence_by_itself()
    {
        var filter = new CountermeasureRequested(AnomalyId, CountermeasureKind.Scrubbing, Target, Noon, Accept with { Action = TrafficAction.Discard });
        var gone = new Dictionary<Guid, ImmutableHashSet<string>> { [CountermeasureId] = ["edge"], [AnomalyId] = ["edge"] };
        With(
            [
                StartedAtNoon[0], new CountermeasureRequested(CountermeasureId, CountermeasureKind.Diversion, Target, Noon), filter, Announced,
                Announced with { CountermeasureId = AnomalyId }, Said("unmeasured"), Said("unchanged", of: AnomalyId), Withdrawing,
            ])
            .When(state => MitigationDecider.Decide(state, new ConfirmClearance(gone, "edge", Noon.AddMinutes(7))))
            .Then(Gone, Gone with { CountermeasureId = AnomalyId }, new MitigationEnded(Scope, Defended: false, Noon.AddMinutes(7), NotHelped: true));
    }

    [Theory]
    [InlineData(0L, false)]
    [InlineData(null, true)] // nobody counts
    public void Filters_that_dropped_nothing_of_an_attack_that_went_down_did_not_help(long? droppedBytes, bool defended)
    {
        var filter = new CountermeasureRequested(AnomalyId, CountermeasureKind.Scrubbing, Target, Noon, Accept with { Action = TrafficAction.Discard });
        var gone = new Dictionary<Guid, ImmutableHashSet<string>> { [AnomalyId] = ["tokyo"] };
        With(
            [
                StartedAtNoon[0], filter, Announced with { CountermeasureId = AnomalyId },
                Said("unmeasured", of: AnomalyId) with { Effect = new(80_000_000, 30_000_000, droppedBytes, droppedBytes, 1, 1, "unmeasured") }, Withdrawing,
            ])
            .When(state => MitigationDecider.Decide(state, new ConfirmClearance(gone, "tokyo", Noon.AddMinutes(7))))
            .Then(Gone with { CountermeasureId = AnomalyId }, new MitigationEnded(Scope, defended, Noon.AddMinutes(7), NotHelped: !defended));
    }

    [Fact]
    public void A_read_back_says_whether_it_only_lets_through() => With(
            [StartedAtNoon[0], new CountermeasureRequested(CountermeasureId, CountermeasureKind.FlowSpec, Target, Noon, Accept)])
        .When(state => MitigationDecider.Decide(state, ReadBack()))
        .Then(Announced with { Kind = CountermeasureKind.FlowSpec, IsAllowance = true });

    private static readonly CountermeasureWithdrawn Gone = new(Scope, CountermeasureId, WithdrawalReason.AnomalyEnded, Noon.AddMinutes(7));

    /// <summary>The blackhole was in force, this happened, and now it is read gone.</summary>
    private static void Ends(MitigationEnded ended, params MitigationEvent[] happened)
    {
        var others = happened.OfType<CountermeasureRequested>().Where(it => it.CountermeasureId != CountermeasureId).Select(it => it.CountermeasureId).ToList();
        var gone = others.Append(CountermeasureId).ToDictionary(id => id, _ => ImmutableHashSet.Create("edge"));
        With([.. StartedAtNoon, Announced, .. happened, Withdrawing])
            .When(state => MitigationDecider.Decide(state, new ConfirmClearance(gone, "edge", Noon.AddMinutes(7))))
            .Then([.. others.Select(id => Gone with { CountermeasureId = id }), Gone, ended]);
    }

    private static EffectMeasured Said(string verdict, DateTimeOffset? at = null, Guid? of = null) =>
        new(Scope, of ?? CountermeasureId, new MeasuredEffect(80_000_000, null, null, null, null, null, verdict), at ?? Noon.AddMinutes(2));
}
