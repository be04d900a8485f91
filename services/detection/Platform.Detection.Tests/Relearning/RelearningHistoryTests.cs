using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Relearning;
using Platform.Detection.Tests.Windows;

namespace Platform.Detection.Tests.Relearning;

/// <summary>What the engine itself remembers of minutes with anomalies, and what re-learning makes of it.</summary>
[Trait("Requirement", "R7")]
public sealed class RelearningHistoryTests
{
    [Fact]
    public void What_fired_is_counted_although_it_belongs_to_anomalies()
    {
        var judge = Played(minutes: 75, second => second % 1_500 is >= 600 and < 630 ? 5_000 : 300); // three floods, half a minute each
        Assert.Equal(3, judge.Recorded.OfType<AnomalyDetected>().Count());

        var total = Report(judge)!.Rates.Single(rate => rate is { Key: { Vector: TrafficVector.Total, Level: WatchLevel.Host }, Unit: TrafficUnit.Packets });

        Assert.Equal((1_000, 390), (total.Old, total.Proposed));
        Assert.Equal(new Firings(Times: 3, InAnomalies: 3), total.OldFired);
        Assert.Equal(new Firings(Times: 3, InAnomalies: 3), total.ProposedFired);
    }

    [Fact]
    public void A_threshold_that_every_minute_breaks_can_be_learned_anew()
    {
        var judge = Played(minutes: 70, _ => 3_000);
        Assert.Single(judge.Recorded.OfType<AnomalyDetected>());

        var report = Report(judge);

        Assert.NotNull(report);
        Assert.True(report.IsOfAnomalies);
        var total = report.Rates.Single(rate => rate is { Key: { Vector: TrafficVector.Total, Level: WatchLevel.Host }, Unit: TrafficUnit.Packets });
        Assert.Equal((1_000, 3_900), (total.Old, total.Proposed));
        Assert.Equal((1, 0), (total.OldFired!.Times, total.ProposedFired.Times));
    }

    [Fact]
    public void Minutes_of_an_anomaly_that_was_none_teach_unless_another_one_was_open()
    {
        var judge = Played(minutes: 130, second => second < 60 * 65 ? 300 : 3_000);
        var (since, history) = (judge.Recorded.OfType<AnomalyDetected>().Single().DetectedAt, judge.Judge.Histories().Single().Chunks);
        AnomalyTime none = new(since, Until: null, IsMarkedFalse: true);

        Assert.InRange(LearnedWith(), 62, 66); // a second is over some seconds later
        Assert.InRange(LearnedWith(none), 128, 130);
        Assert.InRange(LearnedWith(none, new(since.AddMinutes(30), since.AddMinutes(50), IsMarkedFalse: false)), 105, 109);

        int LearnedWith(params AnomalyTime[] anomalies) => RelearningReport.Of(
            history, AJudge.Watched.Thresholds, LearningSettings.Default, AJudge.Noon, judge.Now, AJudge.Noon, anomalies)!.LearnedMinutes;
    }

    private static AJudge Played(int minutes, Func<int, long> packets)
    {
        var judge = new AJudge();
        for (var second = 0; second < 60 * minutes; second++)
        {
            judge.Receive(AJudge.Second(second), packets(second));
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        return judge;
    }

    private static RelearningReport? Report(AJudge judge) => RelearningReport.Of(
        judge.Judge.Histories().Single().Chunks, AJudge.Watched.Thresholds, LearningSettings.Default, AJudge.Noon, judge.Now, AJudge.Noon);
}
