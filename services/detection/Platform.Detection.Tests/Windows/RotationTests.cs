using System.Globalization;
using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Attacks that go from host to host of a /24, one host at a time: 30,000 packets/s of UDP, where a host may have 5,000 or what was learned.</summary>
public sealed class RotationTests
{
    private const long Flood = 30_000;
    private const string Wide6 = "2001:db8:1::/48";
    private static readonly IPNetwork Block = IPNetwork.Parse("203.0.113.0/24");
    private static readonly Vector[][] OneKind = [[Vector.Udp]];
    private static readonly Lazy<byte[]> Snapshot = new(Learn);

    [Theory, Trait("Requirement", "R1")]
    [InlineData(254, 2, false)]
    [InlineData(254, 3, false)]
    [InlineData(254, 4, false)]
    [InlineData(254, 5, false)]
    [InlineData(254, 10, false)]
    [InlineData(254, 30, false)]
    [InlineData(64, 5, false)]
    [InlineData(20, 5, false)]
    [InlineData(8, 5, false)]
    [InlineData(254, 2, true)]
    [InlineData(254, 3, true)]
    [InlineData(254, 4, true)]
    [InlineData(254, 5, true)]
    [InlineData(254, 10, true)]
    [InlineData(254, 30, true)]
    [InlineData(64, 5, true)]
    [InlineData(20, 5, true)]
    [InlineData(8, 5, true)]
    public void An_attack_that_goes_from_host_to_host_is_the_blocks_from_the_fifth_on(int hosts, int dwell, bool isLearned)
    {
        var judge = Judge(isLearned);
        Calm(judge, 60);
        Rotate(judge, 600, dwell, hosts);
        Calm(judge, 60);

        var opened = judge.Recorded.OfType<AnomalyDetected>().ToArray();
        Assert.True(opened.Length <= 5, $"{opened.Length}: {string.Join(", ", opened.Take(12).Select(one => $"{one.Subject.Target} at {(one.Since - AJudge.Noon).TotalSeconds}"))}");
        Assert.Contains(Block, Named(judge));
        Assert.Contains(judge.Recorded.Select(Sentence), sentence => sentence?.Contains($"goes from host to host of {Block}", StringComparison.Ordinal) == true);
        Assert.Equal(AJudge.Second(60), opened[0].Since.ToUnixTimeSeconds());
        Assert.Empty(judge.FoundTwice);
    }

    [Theory, Trait("Requirement", "R1")]
    [InlineData(Wide6, "2001:db8:1:{0:x}::1", 254, 5, false)]
    [InlineData(Wide6, "2001:db8:1:{0:x}::1", 254, 5, true)]
    [InlineData(Wide6, "2001:db8:1::{0:x}", 254, 2, false)]
    [InlineData(Wide6, "2001:db8:1::{0:x}", 254, 30, true)]
    [InlineData(Wide6, "2001:db8:1:{0:x}::1", 60_000, 2, false)]
    [InlineData(Wide6, "2001:db8:1:{0:x}::1", 60_000, 2, true)]
    [InlineData("2001:db8:1:7::/64", "2001:db8:1:7::{0:x}", 60_000, 5, false)]
    [InlineData("2001:db8:1:7::/64", "2001:db8:1:7::{0:x}", 60_000, 5, true)]
    [InlineData("2001:db8::/32", "2001:db8:1:{0:x}::1", 60_000, 5, false)]
    [InlineData("2001:db8::/32", "2001:db8:1:{0:x}::1", 60_000, 5, true)]
    public void So_it_is_over_ipv6(string prefix, string host, int hosts, int dwell, bool isLearned) =>
        Opened(prefix, move => string.Format(CultureInfo.InvariantCulture, host, 16 + (move * 37 % hosts)), dwell, OneKind, isLearned);

    [Theory, Trait("Requirement", "R1")]
    [InlineData(5, true, new[] { Vector.Udp, Vector.TcpSyn })]
    [InlineData(5, false, new[] { Vector.Udp, Vector.TcpSyn })]
    [InlineData(5, true, new[] { Vector.Dns, Vector.Ntp })]
    [InlineData(5, false, new[] { Vector.Dns, Vector.Ntp })]
    [InlineData(30, true, new[] { Vector.Ntp, Vector.TcpSyn })]
    [InlineData(2, false, new[] { Vector.Icmp, Vector.TcpSyn })]
    public void So_is_one_of_two_vectors_at_once(int dwell, bool isLearned, Vector[] kinds) =>
        Opened("203.0.113.0/24", move => $"203.0.113.{5 + (move * 37 % 250)}", dwell, [kinds], isLearned);

    [Theory, Trait("Requirement", "R1")]
    [InlineData(5, true, Vector.Udp, Vector.TcpSyn)]
    [InlineData(5, false, Vector.Udp, Vector.TcpSyn)]
    [InlineData(5, true, Vector.Dns, Vector.Ntp)]
    [InlineData(5, false, Vector.Dns, Vector.Ntp)]
    public void So_is_one_that_changes_its_kind_from_three_hosts_of_each_on(int dwell, bool isLearned, Vector one, Vector other) =>
        Opened("203.0.113.0/24", move => $"203.0.113.{5 + (move * 37 % 250)}", dwell, [[one], [other]], isLearned, most: 7);

    [Theory, Trait("Requirement", "R1")]
    [InlineData(2, false)]
    [InlineData(5, false)]
    [InlineData(10, false)]
    [InlineData(30, false)]
    [InlineData(2, true)]
    [InlineData(5, true)]
    [InlineData(10, true)]
    [InlineData(30, true)]
    public void So_it_is_where_one_packet_in_a_thousand_is_sampled(int dwell, bool isLearned) =>
        Opened("203.0.113.0/24", move => $"203.0.113.{5 + (move * 37 % 250)}", dwell, OneKind, isLearned, grain: 1_000);

    /// <summary>A limit: what is remembered is a block's, and hosts of different blocks are attacked by themselves.</summary>
    [Theory, Trait("Requirement", "R1")]
    [InlineData(false)]
    [InlineData(true)]
    public void An_attack_that_goes_over_many_blocks_is_its_hosts(bool isLearned)
    {
        var judge = Played("203.0.0.0/16", move => $"203.0.{move}.10", dwell: 5, OneKind, isLearned);
        Assert.Equal(Enumerable.Range(0, 120).Select(block => IPNetwork.Parse($"203.0.{block}.10/32")), judge.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.Target));
    }

    [Fact, Trait("Requirement", "R1")]
    public void It_ends_once_when_it_is_over()
    {
        var judge = Judge();
        Rotate(judge, 300, dwell: 5, hosts: 254);
        Calm(judge, 700);

        Assert.Equal(
            judge.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.AnomalyId).Order(),
            judge.Recorded.OfType<AnomalyEnded>().Select(one => one.Subject.AnomalyId).Order());
        Assert.Equal(1, judge.Recorded.OfType<AnomalyEnded>().Count(one => one.Subject.Target.Equals(Block)));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Another_attack_of_the_block_that_comes_after_it_does_not_go_from_host_to_host()
    {
        var judge = Judge();
        Rotate(judge, 120, dwell: 5, hosts: 254);
        Calm(judge, 90);
        Assert.Contains(judge.Recorded.OfType<AnomalyEnded>(), ended => ended.Subject.Target.Equals(Block));
        var before = judge.Recorded.Count;
        Play(judge, 10, _ => [.. Enumerable.Range(50, 40).Select(host => (host, Vector.Udp))]);

        var carpet = Assert.Single(judge.Recorded.Skip(before).OfType<AnomalyDetected>());
        Assert.Equal(Block, carpet.Subject.Target);
        Assert.DoesNotContain("goes from host to host", carpet.Explanation!.Sentence, StringComparison.Ordinal);
    }

    /// <summary>What is asked of each host that is over says nothing of the block's anomaly before there is one.</summary>
    [Fact, Trait("Requirement", "R1")]
    public void To_ask_whether_it_reaches_a_host_changes_nothing()
    {
        var watched = Watched(isLearned: false);
        var on = new ObjectWatch(watched, TrafficDirection.In, new ObjectBaseline(watched.Hours), 12, 0.7);
        var verdict = new Verdict([new(TrafficVector.Udp, 0, Flood, null, 5_000)], RuleName.Set, IsAtOnce: true);
        TargetWatch host = null!;
        for (var at = 1; at <= 5; at++)
        {
            host = on.Host(NetworkKey.Of(Host(at)), 1_000)!;
            (host.Episode = new Episode()).Over(at * 15);
            Rotation.Note(on, host, at * 15, verdict);
        }

        Assert.True(Rotation.Reaches(on, host, second: 75, verdict));
        Assert.False(host.Block!.Rotation!.IsSeen);
    }

    [Fact, Trait("Requirement", "R1"), Trait("Requirement", "R197")]
    public void It_goes_on_as_the_blocks_when_another_process_takes_over()
    {
        var judge = Judge();
        Rotate(judge, 300, dwell: 5, hosts: 254);
        var before = judge.Recorded.OfType<AnomalyDetected>().Count();
        judge.Restart();
        Rotate(judge, 300, dwell: 5, hosts: 254, from: 60);

        Assert.Equal(before, judge.Recorded.OfType<AnomalyDetected>().Count());
        Assert.Empty(judge.FoundTwice);
    }

    [Fact, Trait("Requirement", "R1")]
    public void Where_it_stays_for_much_longer_is_an_attack_of_its_own()
    {
        var judge = Judge();
        Rotate(judge, 120, dwell: 5, hosts: 254);
        Rotate(judge, 9, dwell: 600, hosts: 254, from: 200);
        Assert.DoesNotContain(Host(1 + (200 * 37 % 254)), Named(judge));

        Rotate(judge, 60, dwell: 600, hosts: 254, from: 200);
        Assert.Contains(Host(1 + (200 * 37 % 254)), Named(judge));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Attacks_of_different_kinds_on_different_hosts_are_attacks_of_their_own()
    {
        var judge = Judge();
        Vector[] kinds = [Vector.Dns, Vector.Ntp, Vector.TcpSyn, Vector.Icmp, Vector.Ssdp, Vector.TcpRst];
        for (var attack = 0; attack < kinds.Length; attack++)
        {
            Play(judge, 10, _ => [(50 + attack, kinds[attack])]);
            Calm(judge, 20);
        }

        Assert.Equal(Enumerable.Range(50, kinds.Length).Select(Host), Named(judge));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Attacks_that_go_on_beside_each_other_are_attacks_of_their_own()
    {
        var judge = Judge();
        Play(judge, 100, second => [.. Enumerable.Range(0, 1 + (second / 20)).Select(attack => (50 + attack, Vector.Udp))]);

        Assert.Equal(Enumerable.Range(50, 5).Select(Host), Named(judge));
    }

    [Fact, Trait("Requirement", "R1")]
    public void An_attack_of_another_kind_beside_it_is_an_attack_of_its_own()
    {
        var judge = Judge();
        Play(judge, 60, second => [(50 + (second / 5), Vector.Udp)]);
        Play(judge, 5, second => [(70, Vector.Udp), (200, Vector.TcpSyn)], packets: 60_000);

        Assert.Contains(Host(200), Named(judge));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Attacks_that_are_far_apart_are_attacks_of_their_own()
    {
        var judge = Judge();
        for (var attack = 0; attack < 6; attack++)
        {
            Play(judge, 20, _ => [(50 + attack, Vector.Udp)]);
            Calm(judge, 300);
        }

        Assert.Equal(Enumerable.Range(50, 6).Select(Host), Named(judge));
    }

    [Fact, Trait("Requirement", "R1")]
    public void One_host_that_is_attacked_again_and_again_is_one_host()
    {
        var judge = Judge();
        for (var pulse = 0; pulse < 20; pulse++)
        {
            Play(judge, 5, _ => [(50, Vector.Udp)]);
            Calm(judge, 20);
        }

        Assert.Equal([Host(50)], Named(judge));
    }

    /// <summary>However many hosts there are; and where nothing comes any more nothing is remembered.</summary>
    [Fact, Trait("Requirement", "R37")]
    public void What_is_remembered_of_moves_is_forgotten_after_some_minutes()
    {
        var watched = Watched(isLearned: false);
        var on = new ObjectWatch(watched, TrafficDirection.In, new ObjectBaseline(watched.Hours), 12, 0.7);
        var verdict = new Verdict([new(TrafficVector.Udp, 0, Flood, null, 5_000)], RuleName.Set, IsAtOnce: true);
        TargetWatch host = null!;
        for (var at = 1; at <= 250; at++)
        {
            host = on.Host(NetworkKey.Of(Host(at)), 1_000)!;
            (host.Episode = new Episode()).Over(at * 5);
            Rotation.Note(on, host, at * 5, verdict);
        }

        Assert.InRange(host.Block!.Rotation!.Memory.Moves.Count, 1, 16);
        Assert.False(host.Block.Rotation.IsOver(1_250 + 300));
        Assert.True(host.Block.Rotation.IsOver(1_250 + 301));
    }

    private static IPNetwork Host(int host) => IPNetwork.Parse($"203.0.113.{host}/32");

    private static IEnumerable<IPNetwork> Named(AJudge judge) => judge.Recorded.SelectMany(happened => happened switch
    {
        AnomalyDetected e => [e.Subject.Target, .. e.Prefixes?.Select(share => share.Prefix) ?? []],
        AnomalyChanged { Prefixes: { } prefixes } => prefixes.Select(share => share.Prefix),
        _ => (IEnumerable<IPNetwork>)[],
    }).Distinct();

    private static string? Sentence(AnomalyEvent happened) => happened switch
    {
        AnomalyDetected e => e.Explanation?.Sentence,
        AnomalyChanged e => e.Explanation?.Sentence,
        _ => null,
    };

    private static void Rotate(AJudge judge, int seconds, int dwell, int hosts, int from = 0) =>
        Play(judge, seconds, second => [(1 + ((from + (second / dwell)) * 37 % hosts), Vector.Udp)]);

    private static void Calm(AJudge judge, int seconds) => Play(judge, seconds, _ => []);

    /// <summary>Four hosts have 2,500 packets/s always, a tenth of them UDP, and others are attacked.</summary>
    private static void Play(AJudge judge, int seconds, Func<int, IReadOnlyList<(int Host, Vector Vector)>> attacked, long packets = Flood)
    {
        for (var second = 0; second < seconds; second++)
        {
            var now = judge.Now.ToUnixTimeSeconds();
            for (var host = 1; host <= 4; host++)
            {
                judge.Receive(now, 2_500, 250, $"203.0.113.{host}");
            }

            judge.ReceiveTogether(now, attacked(second).Select(one => ($"203.0.113.{one.Host}", packets, (Vector?)one.Vector)));
            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static void Opened(string prefix, Func<int, string> host, int dwell, Vector[][] kinds, bool isLearned, long grain = 1, int most = 5)
    {
        var judge = Played(prefix, host, dwell, kinds, isLearned, grain);
        var opened = judge.Recorded.OfType<AnomalyDetected>().ToArray();
        Assert.True(opened.Length is > 0 && opened.Length <= most, $"{opened.Length}: {string.Join(", ", opened.Take(12).Select(one => $"{one.Subject.Target} at {(one.Since - AJudge.Noon).TotalSeconds - 60}"))}");
        Assert.Contains(judge.Recorded.Select(Sentence), sentence => sentence?.Contains("goes from host to host", StringComparison.Ordinal) == true);
        Assert.Empty(judge.FoundTwice);
    }

    /// <summary>Ten minutes of it, beside four hosts that have 2,500 packets/s always.</summary>
    /// <param name="host">Where it goes to, of each move.</param>
    /// <param name="kinds">What it is made of there, one after the other.</param>
    private static AJudge Played(string prefix, Func<int, string> host, int dwell, Vector[][] kinds, bool isLearned, long grain = 1)
    {
        var judge = Judge(isLearned, prefix, (uint)grain);
        var random = new Random(1);
        for (var second = -60; second < 660; second++)
        {
            var now = judge.Now.ToUnixTimeSeconds();
            var calm = IPNetwork.Parse(prefix).BaseAddress;
            for (var each = 1; each <= 4; each++)
            {
                var bytes = calm.GetAddressBytes();
                bytes[^1] = (byte)each;
                var udp = Sampled(250);
                judge.Receive(now, Sampled(2_250) + udp, udp, $"{new IPAddress(bytes)}");
            }

            if (second is >= 0 and < 600)
            {
                var vectors = kinds[second / dwell % kinds.Length];
                judge.ReceiveTogether(now, vectors.Select(vector => (host(second / dwell), Sampled(Flood / vectors.Length), (Vector?)vector)));
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        return judge;

        long Sampled(long packets)
        {
            var (mean, sampled) = (packets / (double)grain, 0);
            if (grain == 1)
            {
                return packets;
            }

            for (var product = random.NextDouble(); product > Math.Exp(-mean); product *= random.NextDouble())
            {
                sampled++;
            }

            return sampled * grain;
        }
    }

    private static AJudge Judge(bool isLearned = false, string prefix = "203.0.113.0/24", uint samplingRate = 1)
    {
        var watched = Watched(isLearned) with { Prefixes = [NetworkKey.Of(IPNetwork.Parse(prefix))] };
        return new AJudge(
            find: _ => watched,
            remember: isLearned ? _ => ObjectBaseline.Restore(Snapshot.Value, HoursOfWeek.Japan) : null,
            anomalies: new AnomalyOptions()) { SamplingRate = samplingRate };
    }

    private static WatchedObject Watched(bool isLearned) => AJudge.Watched with
    {
        Thresholds = isLearned
            ? ThresholdProfiles.Of("generic", 1_000_000_000)!
            : [.. ((TrafficVector[])[
                TrafficVector.Udp, TrafficVector.Dns, TrafficVector.Ntp, TrafficVector.TcpSyn, TrafficVector.Icmp, TrafficVector.Ssdp, TrafficVector.TcpRst])
                .Select(vector => new Threshold(vector, null, 5_000))],
        Prefixes = [NetworkKey.Of(Block)],
        Settings = new ObjectSettings(1_000_000_000, isLearned ? "generic" : null),
    };

    private static byte[] Learn()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-8 * 86_400); second < AJudge.Second(-60); second += 12)
        {
            baseline.Observe(second, Of(10_000), Of(2_500), Of(10_000));
        }

        return baseline.Snapshot();

        static SecondTraffic Of(long packets) => SecondTraffic.Of(new(packets * 800, packets), (TrafficVector.Udp, new Amount(packets * 80, packets / 10)));
    }
}
