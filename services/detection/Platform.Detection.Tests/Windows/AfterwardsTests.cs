using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using WatchLevel = Platform.Detection.ProtectedObjects.WatchLevel;

namespace Platform.Detection.Tests.Windows;

/// <summary>
/// An object of eight prefixes: the first has 10,000 TCP packets a second, as learned, the others 1,000 each. 40,000 together is set as the most. Its customer
/// declares less than that, which is no attack.
/// </summary>
[Trait("Requirement", "R1")]
public sealed class AfterwardsTests
{
    private static readonly WatchedObject Watched = AJudge.Watched with
    {
        Thresholds = [new(TrafficVector.Total, null, 40_000, Level: WatchLevel.Object)],
        Settings = new ObjectSettings(DeclaredBitsPerSecond: 10_000_000),
        Prefixes = [.. Enumerable.Range(0, 8).Select(prefix => NetworkKey.Of(IPNetwork.Parse($"203.0.{prefix}.0/24")))],
    };

    private readonly List<Finding> _found = [];
    private readonly Dictionary<string, AnomalyState> _streams = [];
    private readonly WindowJudge _judge;
    private readonly List<AnomalyEvent> _recorded = [];
    private ulong _sequence;
    private int _second;

    public AfterwardsTests() => _judge = new WindowJudge(
        _ => Watched, new WindowOptions(), AJudge.Quick, _found.Add, new TelemetryPresence(AJudge.Quick.TelemetryGap), _ => Learned());

    [Fact]
    public void What_a_carpet_brought_to_a_prefix_is_not_held_against_it_afterwards()
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 45, first: _ => 10_000, udp: 6_000);
        Assert.Equal(WatchLevel.Object, Assert.Single(Detected()).Subject.Level);

        Play(until: 48, first: _ => 15_200); // it has most of what is left, and for a moment more than it may have for long
        Assert.Single(Detected());
        Play(until: 55, first: _ => 14_500);
        Assert.All(_streams.Values, stream => Assert.Null(stream.Open));
        Play(until: 57, first: _ => 15_200);
        Assert.Single(Detected());
    }

    [Fact]
    public void A_host_that_its_prefix_named_is_over_though_single_seconds_are_busier_than_what_was_learned()
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 60, first: _ => 10_000, udpOfFirst: 20_000);
        Assert.Equal((WatchLevel.Host, IPNetwork.Parse("203.0.0.1/32")), Detected().Select(opened => (opened.Subject.Level, opened.Subject.Target)).Single());
        Assert.DoesNotContain(_recorded, happened => happened is AnomalyEnded);

        Play(until: 120, first: second => second % 2 == 0 ? 16_000UL : 13_000); // 14,950 it may have for long
        Assert.All(_streams.Values, stream => Assert.Null(stream.Open));
    }

    [Theory]
    [InlineData(1, 3, false)] // a transfer
    [InlineData(200, 3, true)]
    [InlineData(1, 200, true)] // to everybody
    public void Who_sends_to_a_prefix_is_known_of_its_hosts_and_how_many_of_them_have_it(int sources, int hosts, bool isFound)
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 60, first: _ => 10_000, sources: sources, hosts: hosts, length: 1_400);
        Assert.Equal(isFound, Detected().Any());
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(20_000, 1, false)]
    [InlineData(20_000, 8, false)] // to several at once
    [InlineData(5_000, 1, true)] // nobody acknowledges twice
    [InlineData(20_000, 200, true)]
    public void Who_sends_much_is_sent_as_many_acknowledgements_by_the_one_who_receives_it(ulong sent, int sources, bool isFound)
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 90, first: _ => 10_000, sources: sources, length: 54, sent: sent);
        Assert.Equal(isFound, Detected().Any());
    }

    [Fact]
    public void An_upload_that_goes_on_stays_one()
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 1_200, first: _ => 10_000, sources: 1, length: 54, sent: 20_000);
        Assert.Empty(Detected());
    }

    /// <summary>What is beyond its acknowledgements would be nothing without them.</summary>
    [Fact]
    public void An_upload_on_a_busier_day_is_one()
    {
        Play(until: 30, first: _ => 10_000);
        Play(until: 300, first: _ => 11_500, sources: 1, length: 54, sent: 11_500);
        Assert.Empty(Detected());
    }

    private void Play(int until, Func<int, ulong> first, ulong udp = 0, ulong udpOfFirst = 0, int sources = 0, int hosts = 3, ulong length = 0, ulong sent = 0)
    {
        for (; _second < until; _second++)
        {
            var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-1", Sequence = ++_sequence, SamplingRate = 1 };
            batch.Windows.AddRange(Enumerable.Range(0, 8).Select(prefix =>
                Window(prefix, host: 1, prefix == 0 ? first(_second) : 1_000, length: 500, prefix == 0 ? udp + udpOfFirst : udp)));
            for (var host = 2; host < 2 + hosts && sources > 0; host++)
            {
                batch.Windows.Add(Window(prefix: 0, host, tcp: 12_000 / (ulong)hosts, length, udp: 0));
                batch.Sketches.Add(Sketch(host, packets: 12_000 / (ulong)hosts, length, sources));
            }

            if (sent > 0)
            {
                batch.Outgoing.Add(Window(prefix: 0, host: 2, sent, length: 1_400, udp: 0));
            }

            var now = AJudge.Noon.AddSeconds(_second);
            _judge.Judge(batch, default, now);
            Settle();
            _judge.Tick(now.AddMilliseconds(900));
            Settle();
        }
    }

    private IEnumerable<AnomalyDetected> Detected() => _recorded.OfType<AnomalyDetected>();

    private void Settle()
    {
        foreach (var finding in _found.ToArray())
        {
            var state = _streams.GetValueOrDefault(finding.Key, AnomalyState.Quiet);
            var events = ((EventStore.Decision<AnomalyEvent>.Accepted)finding.Decide(state)).Events;
            _recorded.AddRange(events);
            finding.Judge.Adopt(finding, _streams[finding.Key] = events.Aggregate(state, AnomalyState.Evolve));
        }

        _found.Clear();
    }

    private static ObjectBaseline Learned()
    {
        var (whole, host, block) = (Tcp(17_000), Tcp(100_000), Tcp(10_000));
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-2 * 86_400); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, whole, host, block);
        }

        return baseline;
    }

    private static SecondTraffic Tcp(long packets)
    {
        var amount = new Amount(packets * 4_000, packets);
        return SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount));
    }

    private HostWindow Window(int prefix, int host, ulong tcp, ulong length, ulong udp) => new()
    {
        Host = ByteString.CopyFrom(203, 0, (byte)prefix, (byte)host),
        Second = AJudge.Second(_second),
        Total = new Counters { Packets = tcp + udp, Bytes = (tcp * length) + (udp * 228) },
        Vectors =
        {
            new VectorCounters { Vector = Vector.TcpAck, Counters = new Counters { Packets = tcp, Bytes = tcp * length } },
            new VectorCounters { Vector = Vector.Udp, Counters = new Counters { Packets = udp, Bytes = udp * 228 } },
        },
    };

    private TrafficSketch Sketch(int host, ulong packets, ulong length, int sources)
    {
        var sketch = new TrafficSketch
        {
            Host = ByteString.CopyFrom(203, 0, 0, (byte)host),
            Second = AJudge.Second(_second),
            Total = new Counters { Packets = packets, Bytes = packets * length },
        };
        sketch.Peers.AddRange(Enumerable.Range(0, Math.Min(8, sources)).Select(source => new AddressShare
        {
            Address = ByteString.CopyFrom(198, 51, 100, (byte)source),
            Counters = new Counters { Packets = packets / (ulong)sources, Bytes = packets / (ulong)sources * length },
        }));
        return sketch;
    }
}
