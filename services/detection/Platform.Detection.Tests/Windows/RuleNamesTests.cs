using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>
/// Where what is set and what was learned are both over, the narrower figure is told, and as what it is. Usual are 10,000 packets/s, 1,000 of them UDP.
/// </summary>
[Trait("Requirement", "R26")]
public sealed class RuleNamesTests
{
    private static readonly LearnedLevel Learned = Learn().Compile(WatchLevel.Host, HoursOfWeek.Japan.Of(AJudge.Second()), LearningSettings.Default, grain: 1);

    [Fact]
    public void A_learned_figure_is_not_called_the_set_threshold_because_that_is_broken_as_well()
    {
        var verdict = Judge([new(TrafficVector.Total, null, 1_000_000)], total: 1_200_000, udp: 0);

        Assert.Equal("learned", verdict.Rule);
        Assert.InRange(verdict.Over[0].ThresholdPacketsPerSecond!.Value, 10_000, 30_000);
    }

    [Fact]
    public void Nor_because_another_vector_broke_what_is_set_for_it()
    {
        var verdict = Judge([new(TrafficVector.Udp, null, 5_000)], total: 1_200_000, udp: 5_500);

        Assert.Equal("learned", verdict.Rule);
        Assert.NotEqual(TrafficVector.Udp, verdict.Over[0].Vector);
        Assert.Contains(verdict.Over, over => over.Vector is TrafficVector.Udp);
    }

    [Fact]
    public void What_is_set_below_what_was_learned_is_told_as_set()
    {
        var verdict = Judge([new(TrafficVector.Total, null, 9_000)], total: 1_200_000, udp: 0);
        Assert.Equal(("threshold", 9_000), (verdict.Rule, verdict.Over[0].ThresholdPacketsPerSecond));
    }

    /// <summary>Of SYN packets what a profile guessed stays the ceiling, whatever was learned.</summary>
    [Theory]
    [InlineData(true, "threshold")]
    [InlineData(false, "profile")]
    public void What_a_profile_guessed_is_not_told_as_set(bool isOwn, string rule)
    {
        var rules = new LevelRules([new(TrafficVector.TcpSyn, null, 20, IsOwn: isOwn)], Learned, lowShare: 0.7, grain: 1);
        var syn = new Amount(0, 9_000);
        var verdict = rules.Judge(SecondTraffic.Of(new Amount(0, 10_000), (TrafficVector.TcpSyn, syn)), new TargetWatch(default, WatchLevel.Host));
        Assert.Equal((rule, TrafficVector.TcpSyn, 20), (verdict.Rule, verdict.Over[0].Vector, verdict.Over[0].ThresholdPacketsPerSecond));
    }

    private static Verdict Judge(Threshold[] set, long total, long udp) => new LevelRules(set, Learned, lowShare: 0.7).Judge(
        SecondTraffic.Of(new Amount(0, total), (TrafficVector.Udp, new Amount(0, udp)), (TrafficVector.TcpAck, new Amount(0, total - udp))),
        new TargetWatch(default, WatchLevel.Host));

    private static ObjectBaseline Learn()
    {
        var usual = SecondTraffic.Of(
            new Amount(80_000_000, 10_000), (TrafficVector.Udp, new Amount(8_000_000, 1_000)), (TrafficVector.TcpAck, new Amount(72_000_000, 9_000)));
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-2 * 86_400); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, usual, usual, usual);
        }

        return baseline;
    }
}
