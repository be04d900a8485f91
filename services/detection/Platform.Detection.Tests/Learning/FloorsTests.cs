using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Learning;

/// <summary>Four hosts with 2,500 packets/s each, for a week; then a job of one of them that comes every day and is no attack.</summary>
[Trait("Requirement", "R5")]
public sealed class FloorsTests
{
    private const long Usual = 2_500;
    private static readonly byte[] Learned = Learn();
    private WatchedObject _watched = AJudge.Watched with { Thresholds = [], Settings = new ObjectSettings(100_000_000, ThresholdProfiles.Generic) };
    private readonly AJudge _judge;

    public FloorsTests() => _judge = new AJudge(find: _ => _watched, remember: _ => ObjectBaseline.Restore(Learned, HoursOfWeek.Japan));

    [Theory]
    [InlineData(Vector.Udp)]
    [InlineData(Vector.Gre)]
    public void One_mark_is_enough_for_a_job_whichever_rules_it_would_meet_next(Vector vector)
    {
        Play(seconds: 60, job: 0, vector);
        Play(seconds: 30, job: 20_000, vector);
        Play(seconds: 60, job: 0, vector);
        Assert.Single(_judge.Recorded.OfType<AnomalyEnded>());
        var known = _judge.Known();

        _watched = _watched with { Settings = _watched.Settings! with { Floors = known.Proposal() } };
        Play(seconds: 60, job: 20_000, vector);
        Assert.Equal("", string.Join(" ", _judge.Recorded.OfType<AnomalyDetected>().Skip(1).Select(opened => opened.Explanation!.Sentence)));

        Play(seconds: 60, job: 0, vector);
        Play(seconds: 30, job: 60_000, vector);
        Assert.Equal(2, _judge.Recorded.OfType<AnomalyDetected>().Count()); // three times as much is another matter
    }

    [Fact]
    public void What_a_host_may_have_its_object_may_have_beyond_the_usual_and_no_other_vector_may()
    {
        var learned = LearnedLevel.Nothing with
        {
            Thresholds =
            [
                new(TrafficVector.Total, TrafficUnit.Packets, Usual: 10_000, Rate: 13_000, Burst: 4_000),
                new(TrafficVector.Udp, TrafficUnit.Packets, Usual: 1_000, Rate: 4_500, Burst: 2_000),
                new(TrafficVector.Icmp, TrafficUnit.Packets, Usual: 10, Rate: 2_000, Burst: 600),
            ],
        };
        Threshold[] floors = [new(TrafficVector.Udp, null, 25_000)];

        Assert.Equal([35_000, 25_000, 2_000], learned.AtLeast(floors, WatchLevel.Host).Thresholds.Select(threshold => threshold.Rate));
        Assert.Equal([35_000, 26_000, 2_000], learned.AtLeast(floors, WatchLevel.Object).Thresholds.Select(threshold => threshold.Rate));
        Assert.Equal([13_000, 4_500, 2_000], learned.AtLeast([floors[0] with { Level = WatchLevel.Object }], WatchLevel.Host).Thresholds.Select(threshold => threshold.Rate));
    }

    private void Play(int seconds, long job, Vector vector)
    {
        for (var second = 0; second < seconds; second++)
        {
            (string Host, long Packets, Vector? Vector)[] usual = [.. Enumerable.Range(1, 4).Select(host => ($"203.0.113.{host}", Usual, (Vector?)Vector.TcpAck))];
            _judge.ReceiveTogether(_judge.Now.ToUnixTimeSeconds(), job == 0 ? usual : [.. usual, ("203.0.113.1", job, vector)]);
            _judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static byte[] Learn()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-8 * 86_400); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, Had(4), Had(1), Had(4));
        }

        return baseline.Snapshot();

        static SecondTraffic Had(int hosts) => SecondTraffic.Of(
            new Amount(hosts * Usual * 800, hosts * Usual),
            (TrafficVector.TcpAck, new Amount(hosts * (Usual - 100) * 800, hosts * (Usual - 100))),
            (TrafficVector.Udp, new Amount(hosts * 100 * 800, hosts * 100)));
    }
}
