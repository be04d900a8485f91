using FsCheck;
using FsCheck.Fluent;
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

    private IEnumerable<AnomalyDetected> Opened => _judge.Recorded.OfType<AnomalyDetected>();

    [Theory]
    [InlineData(Vector.Udp)]
    [InlineData(Vector.Gre)]
    public void One_mark_is_enough_for_a_job_whichever_rules_it_would_meet_next(Vector vector)
    {
        Mark(vector);
        Play(seconds: 60, job: 20_000, vector);
        Assert.Equal("", string.Join(" ", Opened.Skip(1).Select(opened => opened.Explanation!.Sentence)));

        Play(seconds: 60, job: 0, vector);
        Play(seconds: 30, job: 60_000, vector);
        Assert.Equal(2, Opened.Count()); // three times as much is another matter
    }

    [Theory]
    [InlineData(Vector.Udp)]
    [InlineData(Vector.Gre)]
    public void A_marked_job_is_quiet_on_each_day_of_the_week_an_hour_early_and_an_hour_late_too(Vector vector)
    {
        Mark(vector);
        foreach (var hours in (int[])[23, 25, 48, 72, 96, 120, 144]) // from a Tuesday that is a holiday over the weekend
        {
            GoTo(AJudge.Noon.AddHours(hours));
            Play(seconds: 60, job: 0, vector);
            Play(seconds: 60, job: 20_000, vector);
            Play(seconds: 60, job: 0, vector);
        }

        Assert.Equal("", string.Join(" ", Opened.Skip(1).Select(opened => $"{opened.DetectedAt}: {opened.Explanation!.Sentence}")));
    }

    [Theory]
    [InlineData(Vector.Udp, "203.0.113.1", 24 + 6)] // its host, at another hour
    [InlineData(Vector.Udp, "203.0.113.1", 24 + 3)]
    [InlineData(Vector.Udp, "203.0.113.2", 24)] // another host, at its hour
    [InlineData(Vector.Gre, "203.0.113.1", 24 + 6)]
    [InlineData(Vector.Gre, "203.0.113.2", 24)]
    public void An_attack_as_large_on_another_host_or_at_another_hour_is_found_within_a_second(Vector vector, string host, int hours)
    {
        Mark(vector);
        GoTo(AJudge.Noon.AddHours(hours));
        Play(seconds: 60, job: 0, vector);
        var began = _judge.Now;
        Play(seconds: 3, job: 20_000, vector, host);

        var found = Assert.Single(Opened.Skip(1));
        Assert.Equal($"{host}/32", $"{found.Subject.Target}");
        Assert.InRange(found.DetectedAt - began, TimeSpan.Zero, TimeSpan.FromSeconds(1));
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

        // What is set: a guess as what was learned, somebody's own for the same alone.
        Threshold own = new(TrafficVector.Udp, 1, 3_000, IsOwn: true);
        Assert.Equal(own with { PacketsPerSecond = 25_000 }, learned.AtLeast(floors, own, isGuess: false));
        Assert.Equal(own with { Level = WatchLevel.Object }, learned.AtLeast(floors, own with { Level = WatchLevel.Object }, isGuess: false));
        Assert.Equal(26_000, learned.AtLeast(floors, own with { Level = WatchLevel.Object }, isGuess: true).PacketsPerSecond);
        Assert.Equal(own with { Direction = TrafficDirection.Out }, learned.AtLeast(floors, own with { Direction = TrafficDirection.Out }, isGuess: true));
    }

    [Fact]
    public void No_floor_ever_lowers_a_threshold()
    {
        var rates = Gen.Choose(1, 200_000).Select(rate => (long)rate);
        var thresholds =
            from vector in Gen.Elements(TrafficVector.Total, TrafficVector.Udp, TrafficVector.Icmp, TrafficVector.Ntp)
            from level in Gen.Elements(WatchLevel.Host, WatchLevel.Prefix, WatchLevel.Object)
            from bits in rates
            from packets in rates
            from unit in Gen.Choose(0, 2)
            from isOwn in Gen.Elements(true, false)
            select new Threshold(vector, unit == 1 ? null : bits * 800, unit == 2 ? null : packets, Level: level, IsOwn: isOwn);
        var baseline = ObjectBaseline.Restore(Learned, HoursOfWeek.Japan);
        Prop.ForAll(Arb.From(Gen.ArrayOf(thresholds)), Arb.From(Gen.ArrayOf(thresholds)), Arb.From(Gen.Choose(0, 167)), (floors, set, hour) =>
        {
            var watched = _watched with { Thresholds = [.. set.DistinctBy(one => one.Key)] };
            foreach (var level in Enum.GetValues<WatchLevel>())
            {
                var (without, with) = (watched.RulesAt(level, TrafficDirection.In, hour, baseline, [], 1, 0.7), watched.RulesAt(level, TrafficDirection.In, hour, baseline, floors, 1, 0.7));
                Assert.Equal(without.Learned.Thresholds.Count, with.Learned.Thresholds.Count);
                Assert.All(without.Learned.Thresholds.Zip(with.Learned.Thresholds), one => Assert.True(
                    one.First.Vector == one.Second.Vector && one.First.Unit == one.Second.Unit && one.First.Rate <= one.Second.Rate && one.First.Burst == one.Second.Burst));
                foreach (var vector in Enum.GetValues<TrafficVector>())
                {
                    Assert.True((with.SetRate(vector, TrafficUnit.Packets) ?? long.MaxValue) >= (without.SetRate(vector, TrafficUnit.Packets) ?? long.MaxValue));
                    Assert.True((with.SetRate(vector, TrafficUnit.Bits) ?? long.MaxValue) >= (without.SetRate(vector, TrafficUnit.Bits) ?? long.MaxValue));
                }
            }
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("2030-01-02T03:00:00Z", "2030-01-02T03:15:30Z", "Asia/Tokyo", "11-14")]
    [InlineData("2030-01-02T03:50:00Z", "2030-01-02T04:05:00Z", "Asia/Tokyo", "11-15")]
    [InlineData("2030-01-01T14:00:00Z", "2030-01-01T14:15:00Z", "Asia/Tokyo", "22-01")]
    [InlineData("2030-01-01T15:00:00Z", "2030-01-01T15:15:00Z", "Asia/Tokyo", "23-02")]
    [InlineData("2030-01-01T13:00:00Z", "2030-01-01T13:59:00Z", "Asia/Tokyo", "21-24")]
    [InlineData("2030-01-01T03:00:00Z", "2030-01-01T03:00:00Z", "Asia/Tokyo", "11-14")]
    [InlineData("2030-01-01T03:00:00Z", "2030-01-02T00:30:00Z", "Asia/Tokyo", "00-24")]
    [InlineData("2030-01-01T03:00:00Z", "2030-01-08T03:10:00Z", "Asia/Tokyo", "00-24")]
    [InlineData("2030-07-01T10:00:00Z", "2030-07-01T10:15:00Z", "Europe/Berlin", "11-14")] // and at 10:00 UTC in winter, which is 11:00
    public void A_floor_holds_in_the_hours_at_which_it_was_seen_and_one_before_and_after(string from, string until, string zone, string hours)
    {
        var said = HoursOfDay.Around(
            DateTimeOffset.Parse(from, System.Globalization.CultureInfo.InvariantCulture),
            DateTimeOffset.Parse(until, System.Globalization.CultureInfo.InvariantCulture),
            HoursOfWeek.Find(zone)!);

        Assert.Equal(hours, said.ToString());
        var within = Enumerable.Range(0, HoursOfWeek.Count).Where(said.Has).Select(hour => hour % 24).Distinct().ToArray();
        Assert.Equal(Enumerable.Range(said.From, said.Count).Select(hour => hour % 24).Order(), within.Order());
    }

    /// <summary>The job of 20,000 packets/s for a minute, which is then marked and applied.</summary>
    private void Mark(Vector vector)
    {
        Play(seconds: 60, job: 0, vector);
        Play(seconds: 30, job: 20_000, vector);
        Play(seconds: 60, job: 0, vector);
        Assert.Single(_judge.Recorded.OfType<AnomalyEnded>());
        var known = _judge.Known();
        var mark = (known with { MarkedWith = known.Proposal(), MarkedAt = _judge.Now }).Mark()!;
        Assert.Equal(("20-23", "203.0.113.1/32"), (mark.Hours(HoursOfWeek.Japan).ToString(), mark.Target.ToString()));
        _watched = _watched with { Settings = _watched.Settings! with { Marked = [mark] } };
    }

    private void GoTo(DateTimeOffset at) => _judge.Advance(at - _judge.Now);

    private void Play(int seconds, long job, Vector vector, string host = "203.0.113.1")
    {
        for (var second = 0; second < seconds; second++)
        {
            (string Host, long Packets, Vector? Vector)[] usual = [.. Enumerable.Range(1, 4).Select(host => ($"203.0.113.{host}", Usual, (Vector?)Vector.TcpAck))];
            _judge.ReceiveTogether(_judge.Now.ToUnixTimeSeconds(), job == 0 ? usual : [.. usual, (host, job, vector)]);
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
