using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Attacks that are spread over many hosts: 1,000 packets/s may one host have, 2,000 a block.</summary>
public sealed class CarpetTests
{
    private static readonly WatchedObject Block = AJudge.Watched with
    {
        Thresholds =
        [
            new(TrafficVector.Total, null, 1_000),
            new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix),
        ],
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
    };

    private static readonly WatchedObject ThreePrefixes = Block with
    {
        Thresholds =
        [
            new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Prefix),
            new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Object),
        ],
        Prefixes = [.. new[] { "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24" }.Select(prefix => NetworkKey.Of(IPNetwork.Parse(prefix)))],
    };

    private readonly AJudge _judge = new(find: _ => Block);

    [Fact, Trait("Requirement", "R1")]
    public void Traffic_that_no_single_host_has_names_the_prefix()
    {
        for (var host = 1; host <= 30; host++)
        {
            _judge.Receive(AJudge.Second(), packets: 100, host: $"203.0.113.{host}");
        }

        var opened = Assert.IsType<AnomalyDetected>(_judge.Recorded[0]);
        Assert.Equal((IPNetwork.Parse("203.0.113.0/24"), WatchLevel.Prefix), (opened.Subject.Target, opened.Subject.Level));
        Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
    }

    [Theory, Trait("Requirement", "R1"), Trait("Requirement", "R37")]
    [InlineData(3_600)]
    [InlineData(8)]
    public void A_node_whose_clock_is_ahead_blinds_nobody(int seconds)
    {
        _judge.Receive(AJudge.Second(seconds), packets: 1, host: "203.0.113.1");
        for (var host = 1; host <= 30; host++)
        {
            _judge.Receive(AJudge.Second(-8), packets: 100, host: $"203.0.113.{host}");
        }

        Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
    }

    /// <summary>What many hosts have is judged once, so that a /16 that is attacked does not take the time of all others.</summary>
    [Theory, Trait("Requirement", "R1"), Trait("Requirement", "R37")]
    [InlineData(false, 700)]
    [InlineData(true, 1_200)]
    public void Under_a_carpet_a_window_costs_little_more_than_on_a_calm_day(bool isLearned, int most)
    {
        const int Blocks = 8, Calm = 4;
        var watched = Block with
        {
            Thresholds = isLearned ? [] : [new(TrafficVector.Udp, null, 50)],
            Prefixes = [NetworkKey.Of(IPNetwork.Parse("10.0.0.0/16"))],
        };
        var snapshot = isLearned ? Learned(256 * Blocks) : null;
        var judge = new AJudge(find: _ => watched, remember: snapshot is null ? null : _ => ObjectBaseline.Restore(snapshot, HoursOfWeek.Japan));
        var before = 0L;
        for (var second = 0; second < 2 * Calm; second++)
        {
            before = second == 2 * Calm - 1 ? judge.Allocated : 0;
            for (var block = 0; block < Blocks; block += 4)
            {
                judge.ReceiveTogether(
                    judge.Now.ToUnixTimeSeconds(),
                    Enumerable.Range(block * 256, 1024).Select(host => ($"10.0.{host >> 8}.{host & 255}", second < Calm ? 1L : 100)),
                    Vector.Udp);
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(WatchLevel.Object, Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Level);
        Assert.InRange((judge.Allocated - before) / (256 * Blocks), 0, most);
    }

    /// <summary>A block of IPv6 has as many hosts as somebody cares to send a packet to: whoever is over in it, not all of them are looked at.</summary>
    [Theory, Trait("Requirement", "R1"), Trait("Requirement", "R37")]
    [InlineData(200)]
    [InlineData(20_000)]
    public void How_many_hosts_of_a_block_are_known_costs_nothing_when_some_of_them_are_attacked(int known)
    {
        const int Most = 150_000; // bytes
        var snapshot = Learned(known, ofABlock: known);
        var judge = new AJudge(
            find: _ => Block with { Thresholds = [], Prefixes = [NetworkKey.Of(IPNetwork.Parse("2001:db8:1::/48"))] },
            remember: _ => ObjectBaseline.Restore(snapshot, HoursOfWeek.Japan));
        PlayInMany(judge, known, seconds: 2, packets: 1);
        var most = 0L;
        for (var second = 0; second < 12; second++)
        {
            var before = judge.Allocated;
            judge.ReceiveTogether(judge.Now.ToUnixTimeSeconds(), [(InMany(second + 1), 400L), (InMany(second + 2), 300L)], Vector.Udp); // each for a moment
            most = second < 3 ? 0 : Math.Max(most, judge.Allocated - before);
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(most, 1, Most);
    }

    [Theory, Trait("Requirement", "R1")]
    [InlineData(false, "2001:db8:1::7/128")]
    [InlineData(true, "2001:db8:1::/48")]
    public void In_a_block_of_very_many_hosts_who_is_attacked_alone_is_named_and_of_a_carpet_the_block(bool isCarpet, string named)
    {
        const int Known = 5_000;
        var judge = new AJudge(find: _ => Block with
        {
            Thresholds = [new(TrafficVector.Total, null, 60_000, Level: WatchLevel.Prefix)],
            Prefixes = [NetworkKey.Of(IPNetwork.Parse("2001:db8:1::/48"))],
        });
        PlayInMany(judge, Known, seconds: 5, packets: 1);
        judge.ReceiveTogether(
            judge.Now.ToUnixTimeSeconds(),
            isCarpet ? Enumerable.Range(1, 1_000).Select(host => (InMany(host), 90L)) : Enumerable.Range(1, 300).Select(host => (InMany(host), host == 7 ? 90_000L : 10)));

        Assert.Equal(IPNetwork.Parse(named), Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Target);
    }

    private static string InMany(int host) => $"2001:db8:1::{host:x}";

    private static void PlayInMany(AJudge judge, int hosts, int seconds, long packets)
    {
        for (var second = 0; second < seconds; second++)
        {
            judge.ReceiveTogether(judge.Now.ToUnixTimeSeconds(), Enumerable.Range(1, hosts).Select(host => (InMany(host), packets)), Vector.Udp);
            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static byte[] Learned(int hosts, int ofABlock = 256)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-2 * 86_400); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, Packets(hosts), Packets(1), Packets(ofABlock));
        }

        return baseline.Snapshot();

        static SecondTraffic Packets(long packets) => SecondTraffic.Of(new Amount(packets * 800, packets), (TrafficVector.Udp, new Amount(packets * 800, packets)));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_single_host_that_is_attacked_is_named_alone()
    {
        _judge.Receive(AJudge.Second(), packets: 100, host: "203.0.113.1");
        _judge.Receive(AJudge.Second(), packets: 9_000, host: "203.0.113.2");
        _judge.Receive(AJudge.Second(), packets: 100, host: "203.0.113.3");

        var opened = Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse("203.0.113.2/32"), WatchLevel.Host), (opened.Subject.Target, opened.Subject.Level));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Many_hosts_over_at_once_become_one_anomaly_of_the_prefix()
    {
        for (var host = 1; host <= 200; host++)
        {
            _judge.Receive(AJudge.Second(), packets: 1_100, host: $"203.0.113.{host}");
        }

        Assert.InRange(_judge.Recorded.OfType<AnomalyDetected>().Count(), 1, 9);
        Assert.Contains(_judge.Recorded.OfType<AnomalyDetected>(), opened => opened.Subject.Target.PrefixLength == 24);
    }

    [Fact, Trait("Requirement", "R1")]
    public void Many_hosts_over_in_one_batch_are_one_anomaly_of_the_prefix_and_none_of_their_own()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        judge.ReceiveTogether(AJudge.Second(), Enumerable.Range(1, 20).Select(host => ($"203.0.113.{host}", 1_100L)));
        Assert.Equal(IPNetwork.Parse("203.0.113.0/24"), Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Target);
    }

    [Fact, Trait("Requirement", "R1")]
    public void Some_hosts_over_in_one_batch_have_anomalies_of_their_own()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        judge.ReceiveTogether(AJudge.Second(), Enumerable.Range(1, 6).Select(host => ($"203.0.113.{host}", 1_100L)));
        Assert.Equal(6, judge.Recorded.OfType<AnomalyDetected>().Count(opened => opened.Subject.Target.PrefixLength == 32));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_busy_host_whose_part_of_a_carpet_takes_it_over_is_not_named_for_being_read_first()
    {
        var judge = new AJudge(find: _ => Block);
        for (var second = 0; second < 60; second++)
        {
            judge.ReceiveTogether(AJudge.Second(second), [("203.0.113.1", 900)]);
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        judge.ReceiveTogether(AJudge.Second(60), Enumerable.Range(1, 60).Select(host => ($"203.0.113.{host}", host == 1 ? 1_050L : 150)));
        Assert.Equal(IPNetwork.Parse("203.0.113.0/24"), Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Target);
    }

    [Fact, Trait("Requirement", "R1")]
    public void Many_hosts_over_at_once_are_over_when_they_are_though_the_block_goes_on_as_always()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        Play(judge, seconds: 3, host => host <= 20 ? 1_100 : 150);
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>(), opened => opened.Subject.Target.PrefixLength == 24);
        Assert.Equal(WatchLevel.Prefix, opened.Subject.Level);

        Play(judge, seconds: 8, _ => 150); // 30,000 in the block, as every day
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_carpet_that_grows_is_told_to_have_grown()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        Play(judge, seconds: 3, host => host <= 20 ? 1_100 : 150);
        Play(judge, seconds: 3, host => host <= 20 ? 11_000 : 150);

        var told = judge.Recorded.OfType<AnomalyChanged>().Where(changed => changed.Subject.Target.PrefixLength == 24).ToArray();
        Assert.Equal(Severity.High, told[^1].Severity);
        Assert.Equal("spread", told[^1].Explanation!.Rule);
    }

    [Fact, Trait("Requirement", "R1")]
    public void Hosts_that_stay_over_keep_the_anomaly_of_their_block_open()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        Play(judge, seconds: 15, host => host <= 20 ? 1_100 : 150);
        Assert.Empty(judge.Recorded.OfType<AnomalyEnded>());
        Assert.Equal(9, judge.Recorded.OfType<AnomalyDetected>().Count());
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_host_that_a_wider_rule_named_is_over_when_the_whole_would_not_be()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 20_000, Level: WatchLevel.Object)] });
        Play(judge, seconds: 10, host => host == 1 ? 25_000 : 20);
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse("203.0.113.1/32"), WatchLevel.Host), (opened.Subject.Target, opened.Subject.Level));
        Assert.Empty(judge.Recorded.OfType<AnomalyEnded>());

        Play(judge, seconds: 8, host => host == 1 ? 15_000 : 20); // with the others 18,980
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
        Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_busy_host_beside_the_victim_is_not_named_for_being_busy()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 20_000, Level: WatchLevel.Prefix)] });
        Play(judge, seconds: 60, host => host == 1 ? 15_000 : 0);
        Play(judge, seconds: 3, host => host == 1 ? 15_000 : host == 9 ? 9_000 : 0);
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal(IPNetwork.Parse("203.0.113.9/32"), opened.Subject.Target);
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_few_sampled_packets_of_a_carpet_name_none_of_its_hosts()
    {
        const long grain = 10_000;
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 2 * grain, Level: WatchLevel.Prefix)] }) { SamplingRate = (uint)grain };
        judge.Receive(AJudge.Second(), packets: 3 * grain, host: "203.0.113.77");
        Assert.Equal(IPNetwork.Parse("203.0.113.0/24"), Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Target);
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_few_sampled_packets_of_a_carpet_over_several_prefixes_name_none_of_their_hosts()
    {
        const long grain = 10_000;
        var judge = new AJudge(find: _ => ThreePrefixes with { Thresholds = [new(TrafficVector.Total, null, 3 * grain, Level: WatchLevel.Object)] }) { SamplingRate = (uint)grain };
        judge.ReceiveTogether(AJudge.Second(), [("192.0.2.9", 2 * grain), ("198.51.100.77", 2 * grain), ("203.0.113.5", grain)]);
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.All(opened.Prefixes!.Select(prefix => prefix.Prefix).Append(opened.Subject.Target), prefix => Assert.Equal(24, prefix.PrefixLength));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Beside_a_busy_host_what_is_spread_over_the_others_names_the_prefix_and_nobody_else()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 20_000, Level: WatchLevel.Prefix)] });
        Play(judge, seconds: 60, host => host == 1 ? 15_000 : 0);
        Play(judge, seconds: 10, host => host == 1 ? 15_000 : 45);
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal(IPNetwork.Parse("203.0.113.0/24"), opened.Subject.Target);
    }

    [Fact, Trait("Requirement", "R1")]
    public void What_is_spread_over_many_prefixes_is_not_said_to_be_of_one_of_them()
    {
        var watched = Block with
        {
            Thresholds = [new(TrafficVector.Total, null, 10_000, Level: WatchLevel.Object)],
            Prefixes = [.. Enumerable.Range(0, 20).Select(prefix => NetworkKey.Of(IPNetwork.Parse($"198.51.{100 + prefix}.0/24")))],
        };
        var judge = new AJudge(find: _ => watched);
        judge.ReceiveTogether(AJudge.Second(), Hosts(packets: 10));
        judge.Advance(TimeSpan.FromSeconds(1));
        judge.ReceiveTogether(AJudge.Second(1), Hosts(packets: 60));

        var said = Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Explanation!;
        Assert.EndsWith("; it is spread over 18 prefixes, the largest of them 198.51.100.0/24, 198.51.101.0/24, 198.51.102.0/24", said.Sentence, StringComparison.Ordinal);
        Assert.EndsWith("。18のプレフィックスに分散しており、大きい順に198.51.100.0/24, 198.51.101.0/24, 198.51.102.0/24です", said.SentenceJa, StringComparison.Ordinal);

        static IEnumerable<(string Host, long Packets)> Hosts(long packets) =>
            from prefix in Enumerable.Range(0, 20)
            from host in Enumerable.Range(1, 10)
            select ($"198.51.{100 + prefix}.{host}", packets * (prefix < 3 ? 12 - prefix : 9) / 9);
    }

    [Fact, Trait("Requirement", "R1")]
    public void What_goes_on_around_an_attacked_prefix_belongs_to_its_anomaly_which_names_all_of_them()
    {
        var judge = new AJudge(find: _ => ThreePrefixes);
        for (var second = 0; second < 3; second++)
        {
            for (var host = 1; host <= 20; host++)
            {
                judge.Receive(AJudge.Second(second), packets: 70, host: $"192.0.2.{host}");
            }

            for (var host = 1; host <= 20; host++)
            {
                judge.Receive(AJudge.Second(second), packets: 40, host: $"198.51.100.{host}");
                judge.Receive(AJudge.Second(second), packets: 39, host: $"203.0.113.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse("192.0.2.0/24"), WatchLevel.Prefix), (opened.Subject.Target, opened.Subject.Level));
        Assert.Null(opened.Prefixes);
        var wider = judge.Recorded.OfType<AnomalyChanged>().Last(changed => changed.Prefixes is not null);
        Assert.Equal(opened.Subject, wider.Subject);
        Assert.Equal(["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"], wider.Prefixes!.Select(prefix => prefix.Prefix.ToString()));
        Assert.Equal(1, wider.Prefixes!.Sum(prefix => prefix.Part), 0.01);
        Assert.Single(judge.Judge.Pulses());

        judge.Advance(AJudge.Quick.LongestPause);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_prefix_of_an_object_that_has_an_anomaly_has_none_of_its_own_even_with_most_of_the_traffic()
    {
        var judge = new AJudge(find: _ => ThreePrefixes with
        {
            Thresholds = [new(TrafficVector.Total, null, 600, Level: WatchLevel.Prefix), new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Object)],
        });
        foreach (var first in (long[])[500, 650, 700, 6_000, 6_000])
        {
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: first, host: "192.0.2.1");
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 520, host: "198.51.100.1");
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 500, host: "203.0.113.1");
            Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact, Trait("Requirement", "R1")]
    public void Several_prefixes_that_are_over_in_one_batch_are_one_anomaly_of_the_object_which_names_them()
    {
        var judge = new AJudge(find: _ => ThreePrefixes with { Thresholds = [new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Prefix)] });
        for (var second = 0; second < 3; second++)
        {
            judge.ReceiveTogether(judge.Now.ToUnixTimeSeconds(), Carpet("192.0.2", 100).Concat(Carpet("198.51.100", 80)).Concat(second > 0 ? Carpet("203.0.113", 90) : []));
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal(WatchLevel.Object, opened.Subject.Level);
        Assert.Equal([("192.0.2.0/24", 0.556), ("198.51.100.0/24", 0.444)], opened.Prefixes!.Select(prefix => (prefix.Prefix.ToString(), prefix.Part)));
        Assert.Equal(
            "total reached 2,000 packets/s towards 192.0.2.0/24, over the threshold of 1,250 for a prefix; the attack is spread over 2 prefixes, the largest of them 192.0.2.0/24, 198.51.100.0/24",
            opened.Explanation!.Sentence);
        Assert.Equal(
            "192.0.2.0/24宛てのtotalが2,000 packets/sに達し、プレフィックス単位のしきい値1,250 packets/sを超えました。攻撃は2のプレフィックスに分散しており、大きい順に192.0.2.0/24, 198.51.100.0/24です",
            opened.Explanation!.SentenceJa);
        var joined = judge.Recorded.OfType<AnomalyChanged>().Single(changed => changed.Prefixes is not null);
        Assert.Contains("203.0.113.0/24", joined.Prefixes!.Select(prefix => prefix.Prefix.ToString()));

        judge.Advance(AJudge.Quick.LongestPause);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));

        static IEnumerable<(string Host, long Packets)> Carpet(string prefix, long packets) => Enumerable.Range(1, 20).Select(host => ($"{prefix}.{host}", packets));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_prefix_with_most_of_it_is_named_and_the_others_belong_to_its_anomaly()
    {
        var judge = new AJudge(find: _ => ThreePrefixes with { Thresholds = [new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Prefix)] });
        judge.ReceiveTogether(
            judge.Now.ToUnixTimeSeconds(),
            from prefix in (string[])["192.0.2", "198.51.100", "203.0.113"]
            from host in Enumerable.Range(1, 20)
            select ($"{prefix}.{host}", prefix == "198.51.100" ? 500L : 70));
        var opened = Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse("198.51.100.0/24"), WatchLevel.Prefix), (opened.Subject.Target, opened.Subject.Level));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Prefixes_that_are_over_for_different_vectors_are_different_attacks()
    {
        var judge = new AJudge(find: _ => ThreePrefixes with { Thresholds = [new(TrafficVector.Total, null, 1_250, Level: WatchLevel.Prefix), new(TrafficVector.Udp, null, 300, Level: WatchLevel.Prefix)] });
        for (var host = 1; host <= 20; host++)
        {
            judge.Receive(AJudge.Second(), packets: 40, udpPackets: 40, host: $"192.0.2.{host}");
            judge.Receive(AJudge.Second(), packets: 80, host: $"198.51.100.{host}");
        }

        Assert.Equal(2, judge.Recorded.OfType<AnomalyDetected>().Count());
    }

    [Theory, Trait("Requirement", "R1")]
    [InlineData(true, true, 1)]
    [InlineData(false, true, 1)]
    [InlineData(true, false, 2)]
    public void One_attack_is_one_anomaly_whichever_vectors_the_levels_have_rules_of(bool isOfABlock, bool isUdp, int anomalies)
    {
        var (ofABlock, ofTheObject) = isOfABlock ? (TrafficVector.Udp, TrafficVector.Total) : (TrafficVector.Total, TrafficVector.Udp);
        var judge = new AJudge(find: _ => ThreePrefixes with
        {
            Thresholds = [new(ofABlock, null, 1_250, Level: WatchLevel.Prefix), new(ofTheObject, null, 1_250, Level: WatchLevel.Object)],
        });
        for (var second = 0; second < 3; second++)
        {
            for (var host = 1; host <= 20; host++)
            {
                judge.Receive(AJudge.Second(second), packets: 70, udpPackets: 70, host: $"192.0.2.{host}");
            }

            for (var host = 1; host <= 20; host++)
            {
                judge.Receive(AJudge.Second(second), packets: 40, udpPackets: isUdp ? 40 : 0, host: $"198.51.100.{host}");
                judge.Receive(AJudge.Second(second), packets: 39, udpPackets: isUdp ? 39 : 0, host: $"203.0.113.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(anomalies, judge.Recorded.OfType<AnomalyDetected>().Count());
        judge.Advance(AJudge.Quick.LongestPause);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Of_a_carpet_over_many_prefixes_the_largest_are_named_and_no_more()
    {
        var watched = Block with
        {
            Thresholds = [new(TrafficVector.Total, null, 500, Level: WatchLevel.Prefix)],
            Prefixes = [NetworkKey.Of(IPNetwork.Parse("198.51.0.0/16"))],
        };
        var judge = new AJudge(find: _ => watched);
        for (var second = 0; second < 8; second++)
        {
            judge.ReceiveTogether(
                judge.Now.ToUnixTimeSeconds(),
                from prefix in Enumerable.Range(0, 60)
                from host in Enumerable.Range(1, 10)
                select ($"198.51.{prefix + (second < 4 ? 0 : 60)}.{host}", 60L + prefix));
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(PrefixShare.Most, Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Prefixes!.Count);
        Assert.All(judge.Streams, stream => Assert.InRange(stream.Prefixes.Count, 1, PrefixShare.Most));
        Assert.All(judge.Recorded.OfType<AnomalyChanged>().Where(changed => changed.Prefixes is not null), changed => Assert.InRange(changed.Prefixes!.Count, 1, PrefixShare.Most));
    }

    [Fact, Trait("Requirement", "R26")]
    public void The_sentence_says_whose_traffic_was_measured_and_whom_that_names()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix)] });
        judge.Receive(AJudge.Second(), packets: 300, host: "203.0.113.1");
        judge.Receive(AJudge.Second(), packets: 1_800, host: "203.0.113.2");
        Assert.Equal(
            "total reached 2,100 packets/s towards 203.0.113.0/24, over the set threshold of 2,000 for a prefix; most of it is of 203.0.113.2/32",
            Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Explanation!.Sentence);

        var spread = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000)] });
        Play(spread, seconds: 1, host => host <= 9 ? 1_100 : 0);
        Assert.Equal(
            "total reached 1,100 packets/s towards 203.0.113.9/32, over the threshold of 1,000 for a host; so are many hosts of 203.0.113.0/24",
            spread.Recorded.OfType<AnomalyDetected>().Last().Explanation!.Sentence);
    }

    [Fact, Trait("Requirement", "R26")]
    public void What_was_no_attack_proposes_thresholds_of_the_level_that_was_over()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix)] });
        judge.Receive(AJudge.Second(), packets: 300, host: "203.0.113.1");
        judge.Receive(AJudge.Second(), packets: 1_800, host: "203.0.113.2");

        var known = judge.Known();
        Assert.Equal(WatchLevel.Host, known.Subject!.Level);
        Assert.Equal([new Threshold(TrafficVector.Total, null, 2_625, Level: WatchLevel.Prefix)], known.Proposal());

        judge.Receive(AJudge.Second(), packets: 1_200, host: "203.0.113.2"); // with the others 3,300
        judge.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal([new Threshold(TrafficVector.Total, null, 4_125, Level: WatchLevel.Prefix)], judge.Known().Proposal());
    }

    [Fact, Trait("Requirement", "R1")]
    public void An_object_of_single_addresses_names_one_of_them_and_never_the_network_around_it()
    {
        var addresses = Enumerable.Range(1, 20).Select(host => NetworkKey.Of(IPNetwork.Parse($"203.0.113.{host}/32"))).ToArray();
        foreach (var level in (WatchLevel[])[WatchLevel.Host, WatchLevel.Prefix, WatchLevel.Object])
        {
            var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 1_000, Level: level)], Prefixes = addresses });
            Play(judge, seconds: 2, host => host <= 20 ? (level is WatchLevel.Host ? 1_100 : 100) : 0);

            Assert.NotEmpty(judge.Recorded);
            Assert.All(judge.Recorded.OfType<AnomalyDetected>(), opened => Assert.Equal(32, opened.Subject.Target.PrefixLength));
        }
    }

    /// <summary>A second after the other, in which each of 200 hosts has so many packets.</summary>
    private static void Play(AJudge judge, int seconds, Func<int, long> packets)
    {
        for (var second = 0; second < seconds; second++)
        {
            foreach (var host in Enumerable.Range(1, 200).Where(host => packets(host) > 0))
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), packets(host), host: $"203.0.113.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
