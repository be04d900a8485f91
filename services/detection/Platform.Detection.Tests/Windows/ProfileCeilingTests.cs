using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using WatchLevel = Platform.Detection.ProtectedObjects.WatchLevel;

namespace Platform.Detection.Tests.Windows;

/// <summary>An object whose only busy host has 500,000 packets/s and 4 Gbit/s all day; the contract declares 10 Gbit/s, thresholds are a profile's.</summary>
[Trait("Requirement", "R1"), Trait("Requirement", "R5")]
public sealed class ProfileCeilingTests
{
    private const string Busy = "203.0.113.1";
    private const string Idle = "203.0.113.9";
    private static readonly WatchedObject Watched = AJudge.Watched with
    {
        Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 10_000_000_000)!,
        Settings = new ObjectSettings(10_000_000_000, ThresholdProfiles.Generic),
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
    };

    [Theory]
    [InlineData(Vector.Ntp, 134_000, 62_500_000, true)] // 500 Mbit/s: an eighth of what the busy host has
    [InlineData(Vector.Ntp, 134_000, 62_500_000, false)]
    [InlineData(Vector.TcpSyn, 120_000, 7_200_000, true)] // 24 times the usual, a quarter of all packets
    [InlineData(Vector.TcpSyn, 180_000, 10_800_000, false)]
    [InlineData(Vector.Gre, 120_000, 60_000_000, true)] // what never came has half of the floor
    [InlineData(Vector.Rip, 60_000, 37_500_000, true)] // a thirteenth of what the busy host has
    [InlineData(Vector.Rip, 60_000, 37_500_000, false)]
    [InlineData(Vector.TcpNull, 150_000, 9_000_000, false)]
    [InlineData(Vector.TcpInvalid, 150_000, 9_000_000, true)]
    [InlineData(Vector.TcpInvalid, 150_000, 9_000_000, false)]
    [InlineData(Vector.TcpRst, 350_000, 21_000_000, false)]
    public void What_a_profile_finds_at_a_new_object_is_found_at_one_that_has_learned(Vector vector, int packets, int bytes, bool hasLearned)
    {
        var found = new List<Finding>();
        var options = new AnomalyOptions();
        var judge = new WindowJudge(
            _ => Watched, new WindowOptions(), options, found.Add, new TelemetryPresence(options.TelemetryGap), _ => Learn(hasLearned ? 2 : 0));
        for (var second = 0; second < 20; second++)
        {
            judge.Judge(Traffic(second), default, AJudge.Noon.AddSeconds(second));
        }

        Assert.Empty(found);
        var attack = Traffic(20);
        attack.Windows.Add(Window(Idle, 20, (vector, (ulong)packets, (ulong)bytes)));
        judge.Judge(attack, default, AJudge.Noon.AddSeconds(20));

        Assert.Equal(IPNetwork.Parse($"{Idle}/32"), Assert.Single(found).Target);
    }

    /// <summary>A customer who declared what they have in the busiest hour: what such services have then, of each vector that their profile guesses.</summary>
    [Theory]
    [InlineData("web", 240, Vector.TcpSyn, 0.05)]
    [InlineData("dns", 80, Vector.TcpSyn, 0.02)]
    [InlineData("game", 128, Vector.TcpSyn, 0.01)]
    [InlineData("mail", 800, Vector.TcpSyn, 0.06)]
    [InlineData("mail", 800, Vector.Udp, 0.055)]
    [InlineData("mail", 800, Vector.Dns, 0.04)]
    [InlineData("generic", 500, Vector.TcpSyn, 0.03)]
    public void A_profile_lets_pass_what_such_a_service_has(string profile, int bytes, Vector vector, double share)
    {
        const long declared = 20_000_000_000;
        var guess = ThresholdProfiles.Of(profile, declared)!.Single(guess => guess.Vector == (TrafficVector)((int)vector + 1) && guess.Level is WatchLevel.Host);

        Assert.True(guess.PacketsPerSecond > 1.3 * share * declared / (8 * bytes));
    }

    /// <summary>A meeting of twenty on a line of 300 Mbit/s, from the port that relays media.</summary>
    [Theory]
    [InlineData("eyeball", true)]
    [InlineData("web", true)]
    [InlineData("generic", true)]
    [InlineData("game", true)]
    [InlineData("mail", false)]
    [InlineData("dns", false)]
    public void A_profile_lets_pass_a_meeting_where_people_meet(string profile, bool isPassed)
    {
        var guess = ThresholdProfiles.Of(profile, 300_000_000)!.Single(guess => guess.Vector is TrafficVector.OtherAmplification);

        Assert.Equal(isPassed, guess.BitsPerSecond > 22_000_000);
    }

    /// <summary>A name server has nothing but questions, of 70 bytes and less: all that it declared, in its first minutes.</summary>
    [Fact]
    public void A_profile_lets_pass_what_is_declared()
    {
        var guesses = new LevelRules(ThresholdProfiles.Of("dns", 60_000_000)!.Where(guess => guess.Level is WatchLevel.Host), LearnedLevel.Nothing, lowShare: 0.7, grain: 1);
        var questions = new Amount(60_000_000, 60_000_000 / (74 * 8));
        var target = new TargetWatch(default, WatchLevel.Host);
        Assert.False(guesses.Judge(SecondTraffic.Of(questions, (TrafficVector.Udp, questions)), target).IsOver);
        Assert.True(guesses.Judge(SecondTraffic.Of(questions + questions, (TrafficVector.Udp, questions + questions)), target).IsOver);
    }

    [Fact]
    public void What_a_profile_guessed_too_low_gives_way_to_several_times_the_usual()
    {
        var learned = Learn(days: 2).Compile(WatchLevel.Host, HoursOfWeek.Japan.Of(AJudge.Second()), LearningSettings.Default, grain: 1);
        var rules = new LevelRules([new Threshold(TrafficVector.TcpSyn, null, 2_000)], learned, lowShare: 0.7, grain: 1);

        Assert.False(IsOver(20_000)); // four times the usual: a crowd
        Assert.True(IsOver(60_000));

        bool IsOver(long packets) => rules.Judge(
            SecondTraffic.Of(new Amount(0, packets), (TrafficVector.TcpSyn, new Amount(0, packets))), new TargetWatch(default, WatchLevel.Host)).IsOver;
    }

    private static ObjectBaseline Learn(int days)
    {
        var usual = SecondTraffic.Of(
            new Amount(4_000_000_000, 500_000),
            (TrafficVector.TcpAck, new Amount(3_800_000_000, 460_000)),
            (TrafficVector.TcpSyn, new Amount(2_400_000, 5_000)),
            (TrafficVector.Udp, new Amount(190_000_000, 35_000)));
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-86_400 * days); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, usual, usual, usual);
        }

        return baseline;
    }

    private static TrafficWindowBatch Traffic(int second)
    {
        var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-1", Sequence = (ulong)second + 1, SamplingRate = 1 };
        batch.Windows.Add(Window(
            Busy, second, (Vector.TcpAck, 460_000, 475_000_000), (Vector.TcpSyn, 5_000, 300_000), (Vector.Udp, 35_000, 23_750_000)));
        return batch;
    }

    private static HostWindow Window(string host, int second, params (Vector Vector, ulong Packets, ulong Bytes)[] parts)
    {
        var window = new HostWindow
        {
            Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
            Second = AJudge.Second(second),
            Total = new Counters { Packets = (ulong)parts.Sum(part => (long)part.Packets), Bytes = (ulong)parts.Sum(part => (long)part.Bytes) },
        };
        window.Vectors.AddRange(parts.Select(part => new VectorCounters
        {
            Vector = part.Vector,
            Counters = new Counters { Packets = part.Packets, Bytes = part.Bytes },
        }));
        return window;
    }
}
