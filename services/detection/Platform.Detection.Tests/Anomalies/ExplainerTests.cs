using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using static Platform.Detection.ProtectedObjects.TrafficVector;

namespace Platform.Detection.Tests.Anomalies;

/// <summary>An anomaly says which rule fired, how far, what is usual at that hour, what it looks like, how sure that is, and what it is not.</summary>
public sealed class ExplainerTests
{
    private static readonly AnomalySubject Subject = new(Guid.Empty, Guid.Empty, "DP00000001", IPNetwork.Parse("203.0.113.10/32"));

    /// <summary>10,000 packets of 500 bytes, most of them TCP.</summary>
    private static readonly SecondTraffic Usual = Traffic((TcpAck, 9_000, 500), (TcpSyn, 200, 60), (Udp, 800, 500));

    [Fact]
    public void The_sentence_names_rule_target_measure_threshold_and_what_is_usual_at_that_hour()
    {
        var said = Explain(Traffic((Ntp, 100_000, 468)), "learned");

        Assert.Equal("ntp reached 100,000 packets/s towards 203.0.113.10/32, over the learned threshold of 4,000 (usual at this hour: 250)", said.Sentence);
        Assert.Equal(("learned", "ntp", TrafficUnit.Packets, 100_000L, 4_000L, 250L), (said.Rule, said.Vector, said.Unit, said.Measured, said.Threshold, said.Baseline));
        Assert.Contains("over the set threshold", Explain(Traffic((Ntp, 100_000, 468)), "threshold").Sentence, StringComparison.Ordinal);
        Assert.Contains("over the profile's threshold", Explain(Traffic((Ntp, 100_000, 468)), "profile").Sentence, StringComparison.Ordinal); // nobody set it
        Assert.Contains("プロファイルのしきい値", Explain(Traffic((Ntp, 100_000, 468)), "profile").SentenceJa, StringComparison.Ordinal);
        Assert.Contains("from 203.0.113.10/32", Explain(Traffic((Ntp, 100_000, 468)), "threshold", Subject with { Direction = TrafficDirection.Out }).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_said_in_Japanese_as_well_with_units_and_whose_traffic_was_measured()
    {
        var said = Explain(Traffic((Ntp, 100_000, 468)), "learned");
        Assert.Equal("203.0.113.10/32宛てのntpが100,000 packets/sに達し、学習されたしきい値4,000 packets/sを超えました(この時間帯の平常値:250 packets/s)", said.SentenceJa);
        Assert.Contains("203.0.113.10/32からのntp", Explain(Traffic((Ntp, 1, 468)), "threshold", Subject with { Direction = TrafficDirection.Out }).SentenceJa, StringComparison.Ordinal);
        Assert.Equal("TCPによるダウンロード、バックアップ、速度測定ではありません(大部分がTCP以外です)", said.NotJa![0]);

        var measured = new VectorMeasurement(Udp, 2_000_000, 0, 1_000_000, null, Level: WatchLevel.Prefix);
        var wider = Explainer.Explain(Subject, "threshold", [measured], default, default, default, Evidence.None, [IPNetwork.Parse("203.0.113.0/24")]);
        Assert.Equal("203.0.113.0/24宛てのudpが2,000,000 bits/sに達し、設定されたプレフィックス単位のしきい値1,000,000 bits/sを超えました。大部分は203.0.113.10/32です", wider.SentenceJa);
        Assert.Equal(WatchLevel.Prefix, wider.Level);
        var spread = Explainer.Explain(
            Subject with { Target = IPNetwork.Parse("203.0.113.0/24"), Level = WatchLevel.Prefix },
            "spread",
            [measured with { Level = WatchLevel.Host }],
            default,
            default,
            default,
            Evidence.None,
            [IPNetwork.Parse("203.0.113.9/32")]);
        Assert.EndsWith("ホスト単位のしきい値1,000,000 bits/sを超えました。203.0.113.0/24の多数のホストも超えています", spread.SentenceJa, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_of_time_servers_are_an_ntp_amplification_as_surely_as_they_make_it_up()
    {
        var said = Explain(Traffic((Ntp, 92_000, 468), (TcpAck, 8_000, 468)));

        Assert.Equal(("ntp-amplification", 0.92), (said.Classification, said.Confidence));
        Assert.Contains("no download, backup or speed test over TCP: most of it is not TCP", said.Not);
    }

    [Theory]
    [InlineData(TcpSyn, 60, "syn-flood")]
    [InlineData(Udp, 1_200, "udp-flood")]
    [InlineData(Icmp, 84, "icmp-flood")]
    [InlineData(TcpAck, 54, "ack-flood")]
    [InlineData(Memcached, 1_400, "memcached-amplification")]
    [InlineData(TcpInvalid, 54, "tcp-invalid-flood")]
    internal void One_kind_of_packets_is_named(TrafficVector vector, int bytes, string name)
    {
        var said = Explain(Traffic((vector, 50_000, bytes)));
        Assert.Equal((name, 0.99), (said.Classification, said.Confidence)); // never certain
    }

    [Theory]
    [InlineData(TcpSyn, 5_900, TrafficVector.Dns, 4_100, "syn-flood", 0.59)]
    [InlineData(TcpSyn, 4_100, TrafficVector.Dns, 5_900, "dns-amplification", 0.59)]
    [InlineData(Memcached, 5_900, Ntp, 4_100, "memcached-amplification", 0.59)]
    [InlineData(TcpAck, 5_900, Fragment, 4_100, "ack-flood", 0.59)]
    [InlineData(Fragment, 5_500, TrafficVector.Dns, 4_500, "fragment-flood", 0.55)] // of TCP
    internal void Of_kinds_that_exclude_each_other_the_larger_one_is_named(
        TrafficVector one, long its, TrafficVector other, long others, string name, double confidence)
    {
        var said = Explain(Traffic((one, its, 600), (other, others, 600)));
        Assert.Equal((name, confidence), (said.Classification, said.Confidence));
    }

    [Theory]
    [InlineData(Udp, Ntp, "ntp-amplification")]
    [InlineData(Udp, Fragment, "fragment-flood")]
    [InlineData(Icmp, Fragment, "fragment-flood")]
    [InlineData(TcpSyn, TcpInvalid, "tcp-invalid-flood")]
    [InlineData(TcpFinless, TcpSynAck, "syn-ack-reflection")]
    internal void Of_what_contains_another_kind_that_is_much_of_it_that_one_is_named(TrafficVector all, TrafficVector part, string name)
    {
        var (whole, much, little) = (new Amount(8_000_000, 10_000), new Amount(3_600_000, 4_500), new Amount(2_400_000, 3_000));
        Assert.Equal((name, 0.45), Named(SecondTraffic.Of(whole, (all, whole), (part, much))));
        Assert.NotEqual(name, Named(SecondTraffic.Of(whole, (all, whole), (part, little))).Name);
    }

    [Fact]
    public void Fragments_beside_answers_are_the_rest_of_long_ones()
    {
        var whole = new Amount(80_000_000, 10_000);
        Assert.Equal(
            ("dns-amplification", 0.45),
            Named(SecondTraffic.Of(whole, (Udp, whole), (Fragment, new(44_000_000, 5_500)), (TrafficVector.Dns, new(36_000_000, 4_500)))));
    }

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(10, 0.91)]
    [InlineData(1_000, 0.99)]
    public void What_few_sampled_packets_say_is_less_sure(int sampled, double confidence) =>
        Assert.Equal(confidence, Explain(Traffic((TcpSyn, sampled * 10_000, 60)), grain: 10_000).Confidence);

    [Fact]
    public void What_is_of_no_kind_is_of_the_rules_as_surely_as_it_is_of_that()
    {
        var mixed = Traffic((Icmp, 10, 100), (Gre, 10, 100), (TcpSyn, 10, 100), (Udp, 10, 100));
        Assert.Equal(("gre-flood", 0.23), Named(mixed, mixed, Gre)); // ten packets, of which nine tenths are sure
        Assert.Equal(((string?)null, (double?)null), Named(mixed, mixed, Total)); // names no kind
    }

    /// <summary>A tunnel's few long packets among an hour's many short ones: fewer packets than usual, and more bits.</summary>
    [Theory]
    [InlineData(Other, "other-protocol-flood")]
    [InlineData(Udp, "udp-flood")]
    internal void So_is_what_has_no_more_packets_than_usual(TrafficVector vector, string name)
    {
        var whole = Traffic((TcpAck, 3_000, 200), (vector, 7_000, 1_400));
        var excess = SecondTraffic.Of(new Amount(40_000_000, 0), (vector, new Amount(70_000_000, 6_200)));
        Assert.Equal((name, 0.94), Named(whole, excess, vector));
    }

    [Fact]
    public void Long_packets_of_established_TCP_may_be_a_transfer_and_are_called_so_half_as_surely()
    {
        var (usual, flood) = (Traffic((TcpAck, 9_000, 250)), Traffic((TcpAck, 20_000, 1_400)));
        var whole = Traffic((TcpAck, 9_000, 250));
        whole.Add(flood);
        Assert.Equal(("tcp-flood", 0.5), Named(whole, flood, Total));
        Assert.Equal("ack-flood", Named(Traffic((TcpAck, 29_000, 54)), Traffic((TcpAck, 20_000, 54)), Total).Name);
        Assert.Equal("ack-flood", Named(usual, SecondTraffic.Of(new Amount(8_000_000, 700), (TcpAck, new Amount(8_000_000, 700))), Total).Name); // a difference of guesses
    }

    [Fact]
    public void Short_packets_where_long_ones_are_usual_are_no_crowd_and_no_transfer() => Assert.Equal(
        ["no download, backup or speed test: 54 bytes per packet are too few", "no crowd of visitors: 54 bytes per packet where 491 are usual"],
        Explain(Traffic((TcpAck, 50_000, 54))).Not);

    /// <summary>At this hour there are fewer packets than at the busiest one, which is what is taken away, or more.</summary>
    [Theory]
    [InlineData(20_000_000, 1_300)] // of what is beyond the usual 1,923 bytes
    [InlineData(700_000, 2_000)] // 44
    public void A_length_is_never_a_difference_of_guesses(long bits, long packets)
    {
        var whole = Traffic((TcpAck, 9_000, 250), (OtherAmplification, 2_500, 950));
        var excess = SecondTraffic.Of(new Amount(bits, packets), (OtherAmplification, new Amount(19_000_000, 2_500)));
        Assert.Contains("no crowd of visitors: 950 bytes per packet where 491 are usual", Explain(excess, whole: whole).Not); // nearly nothing else is new

        excess = SecondTraffic.Of(new Amount(bits, packets), (OtherAmplification, new Amount(bits / 2, packets / 2)));
        Assert.DoesNotContain(Explain(excess, whole: whole).Not, said => said.Contains("bytes", StringComparison.Ordinal)); // a sixth of it, or of its bits
    }

    [Fact]
    public void Where_most_of_it_is_new_all_of_it_tells_the_length()
    {
        var whole = Traffic((TcpAck, 6_000, 54), (TcpSyn, 6_000, 60));
        var excess = SecondTraffic.Of(new Amount(3_000_000, 7_000), (TcpAck, new Amount(1_500_000, 3_500)), (TcpSyn, new Amount(1_500_000, 3_500)));
        Assert.Contains("no download, backup or speed test: 57 bytes per packet are too few", Explain(excess, whole: whole).Not);
    }

    [Fact]
    public void More_connections_than_traffic_needs_are_no_crowd() => Assert.Contains(
        "no crowd of visitors: more connections are begun than traffic would need", Explain(Traffic((TcpAck, 8_000, 560), (TcpSyn, 2_000, 60))).Not);

    [Fact]
    public void More_of_the_same_is_not_said_to_be_no_crowd() =>
        Assert.DoesNotContain(Explain(Traffic((TcpAck, 45_000, 500), (TcpSyn, 1_000, 60), (Udp, 4_000, 500))).Not, said => said.Contains("crowd", StringComparison.Ordinal));

    [Fact]
    public void A_transfer_is_not_said_to_be_none() =>
        Assert.DoesNotContain(Explain(Traffic((TcpAck, 50_000, 1_400))).Not, said => said.Contains("download", StringComparison.Ordinal));

    private static (string? Name, double? Confidence) Named(SecondTraffic excess) => (Explain(excess).Classification, Explain(excess).Confidence);

    private static (string? Name, double? Confidence) Named(SecondTraffic whole, SecondTraffic excess, TrafficVector ruled)
    {
        var said = Explain(excess, whole: whole, ruled: ruled);
        return (said.Classification, said.Confidence);
    }

    /// <param name="whole">Null: all of it is beyond the usual.</param>
    private static Explanation Explain(
        SecondTraffic excess, string rule = "threshold", AnomalySubject? subject = null, long grain = 1, SecondTraffic? whole = null, TrafficVector ruled = Ntp) => Explainer.Explain(
        subject ?? Subject,
        rule,
        [new VectorMeasurement(ruled, 0, 100_000, null, 4_000, BaselinePacketsPerSecond: 250)],
        whole ?? excess,
        excess,
        Usual,
        Evidence.None,
        grain: grain);

    private static SecondTraffic Traffic(params (TrafficVector Vector, long Packets, int Bytes)[] parts)
    {
        var all = parts.Select(part => (part.Vector, Amount: new Amount(part.Packets * part.Bytes * 8, part.Packets))).ToList();
        all.AddRange([.. all.Where(part => part.Vector is Ntp or TrafficVector.Dns or Memcached).Select(part => (Udp, part.Amount))]); // they are UDP as well
        return SecondTraffic.Of(new Amount(parts.Sum(part => part.Packets * part.Bytes * 8), parts.Sum(part => part.Packets)), [.. all]);
    }
}
