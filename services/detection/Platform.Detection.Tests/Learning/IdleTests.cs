using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;

namespace Platform.Detection.Tests.Learning;

/// <summary>A line of a gigabit to which nothing but scans came for a week: what little comes then is no attack, and an attack is.</summary>
[Trait("Requirement", "R5")]
public sealed class IdleTests
{
    /// <summary>Of a fifth of what is declared, megabits: what is idle may have it, what uses a twentieth has twice its busiest hour; and no line makes a small object a large one.</summary>
    [Theory]
    [InlineData(1_000, 0, 200, 200)]
    [InlineData(1_000, 10, 200, 160)]
    [InlineData(1_000, 50, 300, 100)]
    [InlineData(1_000, 100, 600, 200)]
    [InlineData(100_000, 0, 1_000, 250)]
    [InlineData(100_000, 10, 1_000, 210)]
    [InlineData(100_000, 100, 1_000, 200)]
    [InlineData(100_000, 1_000, 6_000, 2_000)]
    public void A_long_transfer_may_have_the_less_of_what_is_declared_the_more_is_usual(long declared, double busiest, double once, double most)
    {
        var learned = new LearnedLevel([], default, default, default, Grain: 1, MostTransfer: 6e6 * busiest, MostLongTransfer: 2e6 * busiest)
            .AboveIdle(new ObjectSettings(declared * 1_000_000, ThresholdProfiles.Generic), Platform.Detection.ProtectedObjects.WatchLevel.Host);
        Assert.Equal((once * 1e6, most * 1e6), (learned.MostTransfer, learned.MostLongTransfer));
    }

    [Theory]
    [InlineData(60, 120, Vector.TcpAck, false)] // somebody types
    [InlineData(300, 60, Vector.TcpAck, false)] // acknowledgements
    [InlineData(2_000, 1_400, Vector.TcpAck, false, true)] // a page
    [InlineData(10_000, 1_400, Vector.TcpAck, false, true)] // an update
    [InlineData(50, 200, Vector.Udp, false)] // a phone call
    [InlineData(10, 84, Vector.Icmp, false)]
    [InlineData(20_000, 60, Vector.TcpAck, true)]
    [InlineData(5_000, 468, Vector.Ntp, true)]
    [InlineData(2_000, 60, Vector.TcpSyn, true)]
    public void What_little_comes_to_an_idle_line_is_no_attack(long packets, long bytes, Vector vector, bool isAttack, bool isServed = false)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-8 * 86_400); second < AJudge.Second(); second += 10)
        {
            var scan = new Amount(480, 1);
            var traffic = SecondTraffic.Of(scan, (TrafficVector.TcpSyn, scan));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        var snapshot = baseline.Snapshot();
        var watched = AJudge.Watched with
        {
            Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 1_000_000_000)!,
            Settings = new ObjectSettings(1_000_000_000, ThresholdProfiles.Generic),
        };
        var judge = new AJudge(find: _ => watched, remember: _ => ObjectBaseline.Restore(snapshot, HoursOfWeek.Japan));
        for (var second = 1ul; second <= 60; second++)
        {
            var counters = new Counters { Packets = (ulong)packets, Bytes = (ulong)(packets * bytes) };
            var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-2", Sequence = second, SamplingRate = 1 };
            batch.Windows.Add(new HostWindow
            {
                Host = ByteString.CopyFrom(IPAddress.Parse("203.0.113.10").GetAddressBytes()),
                Second = judge.Now.ToUnixTimeSeconds(),
                Total = counters,
                Vectors = { new VectorCounters { Vector = vector, Counters = counters } },
            });
            foreach (var host in isServed ? ["203.0.113.10", ""] : (string[])[])
            {
                batch.Sketches.Add(new TrafficSketch
                {
                    Host = host.Length == 0 ? ByteString.Empty : ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
                    Second = judge.Now.ToUnixTimeSeconds(),
                    Total = counters,
                    Peers = { new AddressShare { Address = ByteString.CopyFrom(198, 51, 100, 1), Counters = counters } },
                    SourcePorts = { new NumberShare { Number = 443, Counters = counters } },
                });
            }

            judge.Judge.Judge(batch, default, judge.Now);
            judge.Settle();
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(isAttack, judge.Recorded.OfType<AnomalyDetected>().Any());
    }
}
