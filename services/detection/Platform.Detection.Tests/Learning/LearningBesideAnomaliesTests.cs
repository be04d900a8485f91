using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Learning;

/// <summary>
/// Homes: three busy hosts with 1,000 packets/s each, and in every minute of a week another one of eight quiet ones is attacked for eight seconds.
/// </summary>
[Trait("Requirement", "R5"), Trait("Requirement", "R27")]
public sealed class LearningBesideAnomaliesTests
{
    private const int PlayedMinutes = 5; // of each hour
    private const long Threshold = 50_000;
    private const long Usual = 3_160; // of all hosts, packets/s

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_object_of_which_some_host_is_always_under_attack_learns_what_is_not_and_nothing_of_the_attacks(bool isApplied)
    {
        var watched = Watched(declared: 0, isApplied);
        var judge = new AJudge(find: _ => watched);
        for (var hour = 0; hour <= HoursOfWeek.Count; hour++)
        {
            Play(judge, hour * 60, PlayedMinutes);
            judge.Advance(TimeSpan.FromSeconds(6)); // what is open ends before nobody looks for an hour
        }

        Assert.InRange(judge.Recorded.OfType<AnomalyDetected>().Count(), HoursOfWeek.Count * PlayedMinutes, HoursOfWeek.Count * (PlayedMinutes + 1));
        var (_, snapshot) = Assert.Single(judge.Judge.Baselines());
        var baseline = ObjectBaseline.Restore(snapshot, watched.Hours);
        Assert.Equal(LearningPhase.Ready, baseline.Progress(judge.Now).Phase);
        for (var hour = 0; hour < HoursOfWeek.Count; hour += 7)
        {
            Assert.InRange(UsualOf(baseline, WatchLevel.Object, hour), Usual * 0.95, Usual * 1.05);
            Assert.InRange(UsualOf(baseline, WatchLevel.Prefix, hour), Usual * 0.95, Usual * 1.05);
            Assert.InRange(UsualOf(baseline, WatchLevel.Host, hour), 950, 1_050);
        }
    }

    [Theory]
    [InlineData(2_000_000, true)] // of 2,528,000 bits/s
    [InlineData(3_500_000, false)] // the attacks would make it several times that
    public void What_such_an_object_uses_of_its_bandwidth_is_measured_without_the_attacks(long declared, bool isAbove)
    {
        var watched = Watched(declared, isApplied: false);
        var judge = new AJudge(find: _ => watched);
        Play(judge, minute: 0, minutes: 20);

        Assert.InRange(judge.Recorded.OfType<AnomalyDetected>().Count(), 20, 21);
        var above = judge.Used.OfType<UseChanged>().Where(use => use.Measured.IsAbove).ToArray();
        Assert.Equal(isAbove ? 1 : 0, above.Length);
        Assert.All(above, use => Assert.InRange(use.Measured.BitsPerSecond, 2_450_000, 2_600_000));
    }

    private static WatchedObject Watched(long declared, bool isApplied) => AJudge.Watched with
    {
        Thresholds = [new(TrafficVector.Total, null, Threshold)],
        Settings = new ObjectSettings(
            declared, Learning: LearningSettings.Default with { Mode = isApplied ? LearningMode.Apply : LearningMode.Propose }),
    };

    private static void Play(AJudge judge, int minute, int minutes)
    {
        var start = (AJudge.Second() / 60 * 60) + (minute * 60L);
        judge.Advance(DateTimeOffset.FromUnixTimeSeconds(start) - judge.Now, isTelemetryThere: false);
        for (var second = start; second < start + (minutes * 60); second++)
        {
            var (victim, at) = (10 + (second / 60 % 8), second % 60 - (second / 60 * 13 % 50)); // it begins anywhere in the minute
            for (var host = 1; host <= 3; host++)
            {
                judge.Receive(second, packets: 1_000, host: $"203.0.113.{host}");
            }

            for (var host = 10; host < 18; host++)
            {
                // The first second of an attack is not over yet.
                judge.Receive(second, packets: 20 + (host != victim || at is < 0 or > 7 ? 0 : at == 0 ? Threshold - 1_000 : 20 * Threshold), host: $"203.0.113.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static double UsualOf(ObjectBaseline baseline, WatchLevel level, int hour) => baseline.Compile(level, hour, LearningSettings.Default, grain: 1).Thresholds
        .First(threshold => threshold is { Vector: TrafficVector.Total, Unit: TrafficUnit.Packets }).Usual;
}
