using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>A rule of a block or an object opened an anomaly that names a host: it is told, held and ended as any other, by that rule as it is now.</summary>
[Trait("Requirement", "R1"), Trait("Requirement", "R17")]
public sealed class WiderRuleTests
{
    private const string Attacked = "203.0.113.10";
    private ulong _sequence = 1_000;

    [Fact]
    public void What_an_objects_rule_named_is_told_when_it_grows()
    {
        var judge = new AJudge(find: _ => OfTheObject(1_000));
        Play(judge, seconds: 3, attack: 0);
        Play(judge, seconds: 10, attack: 900);
        Assert.Equal((WatchLevel.Host, Severity.Low), (Opened(judge).Subject.Level, Opened(judge).Severity));
        Play(judge, seconds: 3, attack: 60_000);
        var grown = judge.Recorded.OfType<AnomalyChanged>().Last();
        Assert.Equal(Severity.Critical, grown.Severity);
        Assert.Equal(WatchLevel.Object, grown.Vectors[0].Level); // whose traffic was measured
        Assert.Contains("all of the object", grown.Explanation!.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_threshold_that_was_raised_holds_nothing_any_more()
    {
        var watched = OfTheObject(1_000);
        var judge = new AJudge(find: _ => watched);
        Play(judge, seconds: 3, attack: 0);
        Play(judge, seconds: 10, attack: 900);
        Assert.Empty(judge.Recorded.OfType<AnomalyEnded>());
        watched = OfTheObject(100_000);
        Play(judge, seconds: 10, attack: 900);
        Assert.Single(judge.Recorded.OfType<AnomalyEnded>());
    }

    [Fact]
    public void A_threshold_that_was_taken_away_holds_nothing_any_more()
    {
        var watched = OfTheObject(1_000);
        var judge = new AJudge(find: _ => watched);
        Play(judge, seconds: 3, attack: 0);
        Play(judge, seconds: 10, attack: 900);
        watched = watched with { Thresholds = [] };
        Play(judge, seconds: 10, attack: 900);
        Assert.Single(judge.Recorded.OfType<AnomalyEnded>());
    }

    /// <summary>The night has a quarter of the day. An attack of the late evening is over; what the day has is no part of it.</summary>
    [Fact]
    public void What_was_learned_of_an_hour_holds_in_that_hour()
    {
        var hours = HoursOfWeek.Japan;
        var baseline = new ObjectBaseline(hours);
        for (var second = AJudge.Second(-9 * 86_400); second < AJudge.Second(); second += 10)
        {
            var all = Usual(second);
            var (whole, host) = (SecondTraffic.Of(new Amount(all * 6_400, all)), SecondTraffic.Of(new Amount(all * 3_200, all / 2)));
            baseline.Observe(second, whole, host, whole);
        }

        var snapshot = baseline.Snapshot();
        var watched = AJudge.Watched with { Thresholds = [] };
        var judge = new AJudge(find: _ => watched, remember: _ => ObjectBaseline.Restore(snapshot, HoursOfWeek.Japan));
        Have(seconds: 30, attack: 0);
        Assert.Empty(judge.Recorded);
        Have(seconds: 3_500, attack: 690); // from 21:00 in Tokyo
        Assert.Equal(WatchLevel.Host, Opened(judge).Subject.Level);
        Assert.Empty(judge.Recorded.OfType<AnomalyEnded>());
        Have(seconds: 300, attack: 690); // past 22:00, when it is within what is usual then
        Assert.Single(judge.Recorded.OfType<AnomalyEnded>());

        long Usual(long second) => hours.Of(second) % 24 is >= 18 and <= 22 ? 1_000 : 4_000;

        void Have(int seconds, long attack)
        {
            for (var end = judge.Now.AddSeconds(seconds); judge.Now < end; judge.Advance(TimeSpan.FromSeconds(1)))
            {
                var all = Usual(judge.Now.ToUnixTimeSeconds());
                Receive(judge, [("203.0.113.1", all / 2, 800, Vector.Unspecified), ("203.0.113.2", all / 2, 800, Vector.Unspecified), (Attacked, 1, 800, Vector.Unspecified)]);
                if (attack > 0)
                {
                    Receive(judge, [(Attacked, attack, 60, Vector.Unspecified)]);
                }
            }
        }
    }

    /// <summary>While its block or its object has an anomaly of something else.</summary>
    [Theory]
    [InlineData(WatchLevelName.Object)]
    [InlineData(WatchLevelName.Prefix)]
    public void A_host_over_what_is_set_for_hosts_is_named_beside_a_carpet_of_another_kind(string level)
    {
        var wide = Enum.Parse<WatchLevel>(level);
        var watched = AJudge.Watched with
        {
            Thresholds = [new(TrafficVector.TcpSyn, null, 1_000), new(TrafficVector.Udp, null, 5_000, Level: wide)],
            Settings = new ObjectSettings(Learning: LearningSettings.Default with { Mode = LearningMode.Propose }),
        };
        var judge = new AJudge(find: _ => watched);
        for (var second = 0; second < 30; second++)
        {
            Receive(judge, Enumerable.Range(1, 60).Select(host => ($"203.0.{(wide is WatchLevel.Object ? 110 + (host % 4) : 113)}.{host}", 500L, 100L, Vector.Udp)));
            if (second > 10)
            {
                Receive(judge, [("203.0.113.200", 10_000, 60, Vector.TcpSyn)]);
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        var own = Assert.Single(judge.Recorded.OfType<AnomalyDetected>(), detected => detected.Subject.Level is WatchLevel.Host);
        Assert.Equal((TrafficVector.TcpSyn, "203.0.113.200/32"), (own.Vectors[0].Vector, own.Subject.Target.ToString()));
        Assert.Equal(2, judge.Recorded.OfType<AnomalyDetected>().Count());
    }

    /// <summary>What hosts of a block have just begun to get, unevenly: none of them is attacked alone, and the block is over a moment later.</summary>
    [Fact]
    public void A_host_that_is_one_of_many_waits_for_its_block()
    {
        var judge = Learned();
        Assert.Equal("203.0.113.0/24", Carpet(judge, host => host == 1 ? 500 : 200));
    }

    [Fact]
    public void A_host_that_waited_for_nothing_is_named()
    {
        var judge = Learned();
        Assert.Equal("203.0.113.1/32", Carpet(judge, host => host == 1 ? 500 : host <= 9 ? 30 : 0));
    }

    /// <summary>Packets without flags, of which a profile guessed 1,000 a second for a host and nothing for a block. Nobody waits.</summary>
    [Theory]
    [InlineData(15, 3_000, "203.0.113.0/24")]
    [InlineData(1, 0, "203.0.113.1/32")]
    [InlineData(30, 10, "203.0.113.1/32")] // nobody else is attacked
    public void Hosts_over_what_a_profile_guessed_name_their_block_when_nine_are_over_together(int hosts, long packets, string named)
    {
        var judge = new AJudge(find: _ => AJudge.Watched with
        {
            Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 100_000_000)!,
            Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
            Settings = new ObjectSettings(100_000_000, ThresholdProfiles.Generic),
        });
        Assert.Equal(named, Carpet(judge, host => host == 1 ? 3_000 : host <= hosts ? packets : 0, hosts: 30, Vector.TcpNull, bytes: 60));
        Assert.True(packets != 3_000 || Opened(judge).DetectedAt < AJudge.Noon.AddSeconds(1));
    }

    /// <summary>Two seconds each, one after the other: from the fifth on it is their block's, told as soon.</summary>
    [Fact]
    public void Hosts_over_what_a_profile_guessed_that_are_attacked_one_after_the_other_are_named_at_once()
    {
        var judge = new AJudge(find: _ => AJudge.Watched with
        {
            Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 100_000_000)!,
            Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
            Settings = new ObjectSettings(100_000_000, ThresholdProfiles.Generic),
        });
        for (var host = 1; host <= 5; host++)
        {
            var begun = judge.Now;
            for (var part = 0; part < 10; part++)
            {
                Receive(judge, [($"203.0.113.{host}", 3_000, 60L, Vector.TcpNull)]);
                judge.Advance(TimeSpan.FromMilliseconds(200));
            }

            var opened = judge.Recorded.OfType<AnomalyDetected>().Last();
            Assert.Equal((host < 5 ? $"203.0.113.{host}/32" : "203.0.113.0/24", true), ($"{opened.Subject.Target}", opened.DetectedAt < begun.AddSeconds(1)));
        }
    }

    private static AJudge Learned()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-9 * 86_400); second < AJudge.Second(); second += 10)
        {
            var (whole, host) = (SecondTraffic.Of(new Amount(16_000_000, 4_000)), SecondTraffic.Of(new Amount(1_000_000, 250)));
            baseline.Observe(second, whole, host, whole);
        }

        var snapshot = baseline.Snapshot();
        var watched = AJudge.Watched with { Thresholds = [], Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))] };
        return new AJudge(find: _ => watched, remember: _ => ObjectBaseline.Restore(snapshot, HoursOfWeek.Japan));
    }

    /// <summary>What nobody gets otherwise, answers of time servers: each second comes in five parts. Who is named first.</summary>
    private string Carpet(AJudge judge, Func<int, long> packets, int hosts = 16, Vector vector = Vector.Ntp, long bytes = 468)
    {
        for (var second = 0; second < 30 && !judge.Recorded.OfType<AnomalyDetected>().Any(); second++)
        {
            for (var part = 0; part < 5; part++)
            {
                Receive(judge, Enumerable.Range(1, hosts).Select(host => ($"203.0.113.{host}", packets(host) / 5, bytes, vector)).Where(one => one.Item2 > 0));
                judge.Advance(TimeSpan.FromMilliseconds(200));
            }
        }

        return Opened(judge).Subject.Target.ToString();
    }

    private static WatchedObject OfTheObject(long packets) => AJudge.Watched with
    {
        Thresholds = [new(TrafficVector.Total, null, packets, Level: WatchLevel.Object)],
        Settings = new ObjectSettings(Learning: LearningSettings.Default with { Mode = LearningMode.Propose }),
    };

    private static AnomalyDetected Opened(AJudge judge) => Assert.Single(judge.Recorded.OfType<AnomalyDetected>());

    /// <summary>Four hosts as ever, and one more.</summary>
    private static void Play(AJudge judge, int seconds, long attack)
    {
        for (var second = 0; second < seconds; second++)
        {
            for (var host = 1; host <= 4; host++)
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), 100, host: $"203.0.113.{host}");
            }

            if (attack > 0)
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), attack, host: Attacked);
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private void Receive(AJudge judge, IEnumerable<(string Host, long Packets, long Bytes, Vector Vector)> had)
    {
        var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-2", Sequence = ++_sequence, SamplingRate = 1 };
        foreach (var (host, packets, bytes, vector) in had)
        {
            var counters = new Counters { Packets = (ulong)packets, Bytes = (ulong)(packets * bytes) };
            var window = new HostWindow { Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()), Second = judge.Now.ToUnixTimeSeconds(), Total = counters };
            if (vector is not Vector.Unspecified)
            {
                window.Vectors.Add(new VectorCounters { Vector = vector, Counters = counters });
            }

            batch.Windows.Add(window);
        }

        judge.Judge.Judge(batch, default, judge.Now);
        judge.Settle();
    }

    private static class WatchLevelName
    {
        public const string Object = nameof(WatchLevel.Object);
        public const string Prefix = nameof(WatchLevel.Prefix);
    }
}
