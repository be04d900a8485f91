using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Learning;

/// <summary>A new object, or one whose prefixes changed: a host has 10,000 packets/s and 100 Mbit/s over TCP; the contract declares 1 Gbit/s.</summary>
[Trait("Requirement", "R1"), Trait("Requirement", "R5")]
public sealed class FirstHoursTests
{
    private const long Usual = 10_000;
    private const int Bytes = 1_250;
    private static readonly WatchedObject Watched = AJudge.Watched with
    {
        Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 1_000_000_000)!,
        Settings = new ObjectSettings(1_000_000_000, ThresholdProfiles.Generic),
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
    };

    private static readonly WatchedObject Roomy = Watched with
    {
        Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 10_000_000_000)!,
        Settings = new ObjectSettings(10_000_000_000, ThresholdProfiles.Generic),
    };

    private readonly List<Finding> _found = [];
    private readonly WindowJudge _judge;
    private WatchedObject _watched = Watched;
    private ulong _sequence;
    private DateTimeOffset _now = AJudge.Noon;

    public FirstHoursTests()
    {
        var options = new AnomalyOptions();
        _judge = new WindowJudge(
            _ => _watched, new WindowOptions(), options, _found.Add, new TelemetryPresence(options.TelemetryGap), watched => new ObjectBaseline(watched.Hours));
    }

    /// <summary>Half as much again each minute, so that no minute is much more than those before it.</summary>
    [Theory]
    [InlineData(2)] // in the first quarter of an hour, of which anything is learned
    [InlineData(30)]
    public void A_flood_that_grows_for_twenty_minutes_is_found_before_it_is_more_than_is_declared(int minutes)
    {
        Play(minutes * 60, _ => 0);
        Assert.Empty(_found);

        Play(22 * 60, second => (long)(200 * Math.Pow(1.5, second / 60.0)));

        Assert.NotEmpty(_found);
        Assert.InRange(_found[0].On.Whole.Lately(_found[0].On.Whole.Newest - 1, TrafficVector.Total).Total.Bits, 0, 2 * 1_300_000_000L);
    }

    [Fact]
    public void Traffic_that_doubles_in_an_hour_and_a_half_of_the_first_morning_is_no_anomaly()
    {
        Play(9_000, second => (long)(Usual * (Math.Pow(2, second / 5_400.0) - 1)), isSame: true);
        Assert.Empty(_found);
    }

    [Fact]
    public void Nothing_is_judged_by_what_other_prefixes_had_once_an_object_has_gained_some()
    {
        _watched = Roomy;
        Play(3_600, _ => 0);
        _watched = Roomy with { Prefixes = [.. Watched.Prefixes!, NetworkKey.Of(IPNetwork.Parse("198.51.100.0/24"))] };

        Play(1_800, _ => 12 * Usual, host: "198.51.100.1", isSame: true);

        Assert.Empty(_found);
        Assert.InRange(Learned().LearnedMinutes, 25, 30);
    }

    [Fact]
    public void What_is_left_of_an_object_is_judged_by_itself_once_another_was_given_the_busiest_of_it()
    {
        _watched = Roomy;
        Play(3_600, _ => 20 * Usual, host: "203.0.113.200", isSame: true);
        _watched = Roomy with { Others = [NetworkKey.Of(IPNetwork.Parse("203.0.113.200/32"))] };
        Play(1_800, _ => 0);

        Play(20, _ => 4 * Usual); // over UDP, a fifth of what the other had

        Assert.NotEmpty(_found);
    }

    [Fact]
    public void What_was_learned_is_kept_while_its_addresses_are_the_same_and_is_not_restored_for_others()
    {
        _watched = Roomy;
        Play(3_600, _ => 0);
        _watched = Roomy with { Prefixes = [.. Watched.Prefixes!], ServiceCode = "DP00000002" };
        Play(60, _ => 0);
        var (_, snapshot) = Assert.Single(_judge.Baselines());

        Assert.InRange(ObjectBaseline.Restore(snapshot, _watched.Hours, Watched.Ground).LearnedMinutes, 55, 61);
        Assert.Equal(0, ObjectBaseline.Restore(snapshot, _watched.Hours, (Watched with { Prefixes = [] }).Ground).LearnedMinutes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flood_that_was_there_before_the_object_is_found_when_it_returns_once_what_was_learned_of_it_is_forgotten(bool isForgotten)
    {
        _watched = Roomy;
        Play(3_600, _ => 4 * Usual);
        if (isForgotten)
        {
            _watched = Roomy with { Settings = Roomy.Settings! with { LearnsSince = _now } };
        }

        Play(1_800, _ => 0);
        Assert.Empty(_found);

        Play(60, _ => 4 * Usual);

        Assert.Equal(isForgotten, _found.Count > 0);
    }

    [Fact]
    public void What_was_forgotten_stays_so_after_a_restart()
    {
        Play(3_600, _ => 0);
        var (_, snapshot) = Assert.Single(_judge.Baselines());
        var forgotten = Watched with { Settings = Watched.Settings! with { LearnsSince = _now } };

        Assert.InRange(ObjectBaseline.Restore(snapshot, _watched.Hours, Watched.LearningGround).LearnedMinutes, 55, 61);
        Assert.Equal(0, ObjectBaseline.Restore(snapshot, _watched.Hours, forgotten.LearningGround).LearnedMinutes);
    }

    private ObjectBaseline Learned() => ObjectBaseline.Restore(Assert.Single(_judge.Baselines()).Snapshot, _watched.Hours);

    /// <param name="more">Beside the usual, of so many seconds after the start.</param>
    /// <param name="host">Whose it is.</param>
    /// <param name="isSame">It is TCP as well; else UDP.</param>
    private void Play(int seconds, Func<int, long> more, string host = "203.0.113.1", bool isSame = false)
    {
        for (var second = 0; second < seconds && _found.Count == 0; second++)
        {
            var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-1", Sequence = ++_sequence, SamplingRate = 1 };
            batch.Windows.Add(Window("203.0.113.1", Vector.TcpAck, Usual));
            if (more(second) is > 0 and var packets)
            {
                batch.Windows.Add(Window(host, isSame ? Vector.TcpAck : Vector.Udp, packets));
            }

            _judge.Judge(batch, default, _now);
            _now += TimeSpan.FromSeconds(1);
            _judge.Tick(_now);
        }
    }

    private HostWindow Window(string host, Vector vector, long packets)
    {
        var counters = new Counters { Packets = (ulong)packets, Bytes = (ulong)packets * Bytes };
        return new HostWindow
        {
            Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
            Second = _now.ToUnixTimeSeconds(),
            Total = counters,
            Vectors = { new VectorCounters { Vector = vector, Counters = counters } },
        };
    }
}
