using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Flows of ten seconds, reported at their end: each second's traffic comes in ten parts.</summary>
[Trait("Requirement", "R1")]
public sealed class LateTrafficTests
{
    private const int Lateness = 12;

    private static readonly LearnedThreshold Packets = new(TrafficVector.Total, TrafficUnit.Packets, Usual: 900, Rate: 1_000, Burst: 3_000);
    private static readonly LevelRules Rules = new([], LearnedLevel.Nothing with { Thresholds = [Packets] }, lowShare: 0.7);

    private ReportingLag _lag = new(Lateness);

    [Fact]
    public void What_is_a_little_beyond_a_learned_rate_adds_up_however_late_it_comes()
    {
        Assert.False(Play(seconds: 60, packets: _ => 950));
        Assert.True(Play(seconds: 60, packets: _ => 1_300));
    }

    [Fact]
    public void One_busy_second_among_usual_ones_is_not_added_to_what_is_still_coming() =>
        Assert.False(Play(seconds: 60, packets: second => second % 20 == 0 ? 1_900 : 950));

    [Fact]
    public void What_adds_up_goes_on_when_the_rules_of_another_hour_hold_or_there_is_a_vector_more()
    {
        var udp = Packets with { Vector = TrafficVector.Udp };
        var next = new LevelRules([], LearnedLevel.Nothing with { Thresholds = [udp, Packets] }, lowShare: 0.7);
        var (target, second) = (new TargetWatch(default, WatchLevel.Object), 0);
        while (!Judge(second < 5 ? Rules : next))
        {
            second++;
        }

        Assert.InRange(second, 8, 12); // 300 a second

        bool Judge(LevelRules rules) => rules.Judge(
            target.Add(second, SecondTraffic.Of(new Amount(104_000, 1_300)), Lateness, settleSeconds: 0, rules, out _), target).IsOver;
    }

    /// <summary>A target's first seconds come in any order. What it had in the last minutes is the mean of what is known, not of the second that came first.</summary>
    [Fact]
    public void What_was_before_is_the_mean_of_the_first_seconds_in_whatever_order_they_come()
    {
        var calm = new LevelRules([], LearnedLevel.Nothing, lowShare: 0.7);
        var target = new TargetWatch(default, WatchLevel.Host);
        foreach (var (second, packets) in ((long, long)[])[(10, 100), (9, 300), (11, 200), (12, 200), (13, 200), (14, 0)])
        {
            target.Add(second, SecondTraffic.Of(new Amount(0, packets)), Lateness, settleSeconds: 0, calm, out _);
        }

        Assert.Equal(200, target.Recent(TrafficUnit.Packets), 1e-3);
    }

    [Fact]
    public void The_lag_is_how_far_behind_nearly_everything_has_come()
    {
        Play(seconds: 60, packets: _ => 1_000);
        Assert.Equal(8, _lag.Seconds); // behind what had come before the batch

        for (var second = 1_000; second < 1_500; second++)
        {
            _lag.Observe(second, 1_000); // now each sample is sent at once
        }

        Assert.Equal(0, _lag.Seconds);
    }

    private bool Play(int seconds, Func<int, long> packets)
    {
        _lag = new ReportingLag(Lateness);
        var (isOver, target) = (false, new TargetWatch(default, WatchLevel.Object));
        for (var now = 10; now < seconds; now++)
        {
            for (var second = now - 10; second < now; second++)
            {
                var part = SecondTraffic.Of(new Amount(packets(second) * 80, packets(second) / 10));
                _lag.Observe(second, part.Total.Packets);
                isOver |= Rules.Judge(target.Add(second, part, Lateness, _lag.Seconds, Rules, out _), target).IsOver;
            }
        }

        return isOver;
    }
}
