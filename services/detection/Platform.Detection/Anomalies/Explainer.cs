using Platform.Detection.ProtectedObjects;
using static System.FormattableString;
using static Platform.Detection.ProtectedObjects.TrafficVector;
using IPNetwork = System.Net.IPNetwork;

namespace Platform.Detection.Anomalies;

/// <summary>Says in one sentence why an anomaly was recognised, what it looks like, how sure that is, and what it is not. Pure.</summary>
internal static class Explainer
{
    private const double Telling = 0.4;
    private const double NearlyAll = 0.9;
    private const double New = 0.5; // of less, the length is the usual's
    private const int LongPacket = 700; // bytes
    private const double Doubt = 0.5;

    /// <summary>What a vector means when it makes up much of what is beyond the usual; of two that are as much the more telling first.</summary>
    private static readonly (TrafficVector Vector, string Name)[] Kinds =
    [
        (Ntp, "ntp-amplification"), (Dns, "dns-amplification"), (Cldap, "cldap-amplification"), (Memcached, "memcached-amplification"),
        (Ssdp, "ssdp-amplification"), (Chargen, "chargen-amplification"), (Snmp, "snmp-amplification"), (Portmap, "portmap-amplification"),
        (Netbios, "netbios-amplification"), (Mssql, "mssql-amplification"), (Rip, "rip-amplification"), (Qotd, "qotd-amplification"),
        (Tftp, "tftp-amplification"), (Mdns, "mdns-amplification"), (WsDiscovery, "ws-discovery-amplification"), (L2tp, "l2tp-amplification"),
        (Arms, "arms-amplification"), (OtherAmplification, "amplification"), (Fragment, "fragment-flood"), (IpNull, "ip-null-flood"),
        (TcpNull, "tcp-null-flood"), (TcpInvalid, "tcp-invalid-flood"), (TcpSyn, "syn-flood"), (TcpSynAck, "syn-ack-reflection"), (TcpRst, "rst-flood"), (Gre, "gre-flood"),
        (Icmp, "icmp-flood"), (Udp, "udp-flood"), (TcpAck, "ack-flood"), (TcpFinless, "tcp-flood"), (Other, "other-protocol-flood"),
    ];

    /// <param name="subject">The anomaly.</param>
    /// <param name="rule">Name of the kind of rule.</param>
    /// <param name="over">Vectors over, greatest excess first; not empty.</param>
    /// <param name="whole">The traffic.</param>
    /// <param name="excess">Of it what is beyond the usual.</param>
    /// <param name="expected">The usual traffic at this hour; empty while nothing is learned.</param>
    /// <param name="evidence">What sketches say.</param>
    /// <param name="judged">Whose traffic was measured; of the whole object the prefixes that have nearly all of it. Null: the target's.</param>
    /// <param name="prefixes">What the anomaly is spread over; null: its target alone.</param>
    /// <param name="grain">Packets that one sampled packet stands for; 1: nothing is sampled; 0: ingestion does not say.</param>
    /// <param name="within">The block within which it goes from host to host; null: it does not.</param>
    public static Explanation Explain(
        AnomalySubject subject,
        string rule,
        IReadOnlyList<VectorMeasurement> over,
        in SecondTraffic whole,
        in SecondTraffic excess,
        in SecondTraffic expected,
        Evidence evidence,
        IReadOnlyList<IPNetwork>? judged = null,
        IReadOnlyList<PrefixShare>? prefixes = null,
        long grain = 1,
        IPNetwork? within = null)
    {
        var first = over[0];
        var unit = first.UnitOver();
        var (measured, threshold, baseline) = unit switch
        {
            TrafficUnit.Bits => (first.BitsPerSecond, first.ThresholdBitsPerSecond, first.BaselineBitsPerSecond),
            TrafficUnit.Packets => (first.PacketsPerSecond, first.ThresholdPacketsPerSecond, first.BaselinePacketsPerSecond),
            _ => (first.FlowsPerSecond ?? 0, first.ThresholdFlowsPerSecond, null),
        };
        var (kind, confidence) = Classify(whole, excess, over, Math.Max(1, grain));
        var not = NotThese(kind, LengthOf(kind, whole, excess), excess, expected);
        var said = new Said(subject, rule, first.Vector, first.Level, unit, measured, threshold ?? 0, baseline, judged ?? [subject.Target], prefixes, within);
        return new(
            said.InEnglish(),
            rule,
            first.Vector.Name(),
            unit,
            measured,
            threshold ?? 0,
            baseline,
            kind is { } looks ? NameOf(looks, whole, excess) : null,
            confidence,
            [.. not.Select(no => no.English)],
            evidence,
            first.Level ?? subject.Level,
            said.InJapanese(),
            [.. not.Select(no => no.Japanese)]);
    }

    /// <summary>
    /// What most of it is: of kinds that exclude each other the larger one, and of what contains another one that is much of it the other one, which tells more.
    /// Where nothing is much of it, as of few long packets among many, what the rule is about. Never certain, of few sampled packets less so, because the next one
    /// might have been of another kind, and of long TCP packets half as sure: somebody's transfer looks the same.
    /// </summary>
    private static (TrafficVector? Kind, double? Confidence) Classify(
        in SecondTraffic whole, in SecondTraffic excess, IReadOnlyList<VectorMeasurement> over, double grain)
    {
        var found = new List<(TrafficVector Vector, double Part)>();
        foreach (var (vector, _) in Kinds)
        {
            if (excess.Total.Packets > 0 && Most(excess[vector], excess.Total) is >= Telling and var part)
            {
                found.Add((vector, part));
            }
        }

        if (found.Count == 0)
        {
            if (over.FirstOrDefault(one => one.Vector is not Total) is not { Vector: var ruled })
            {
                return (null, null);
            }

            var all = excess.Total.Packets > 0 && Most(excess[ruled], excess.Total) > 0 ? excess : whole;
            return (ruled, Sure(ruled, Most(all[ruled], all.Total), all[ruled].Packets / grain, whole, excess));
        }

        var largest = found.MaxBy(one => one.Part);
        var kind = found.Where(one => Contains(largest.Vector, one.Vector))
            .OrderByDescending(one => IsAnswer(one.Vector)) // long answers come in fragments, of which only the first has ports
            .ThenByDescending(one => one.Part)
            .FirstOrDefault(largest);
        return (kind.Vector, Sure(kind.Vector, kind.Part, excess.Total.Packets / grain, whole, excess));
    }

    private static double Sure(TrafficVector kind, double part, double sampled, in SecondTraffic whole, in SecondTraffic excess) =>
        Math.Round(Math.Min(0.99, part * sampled / (sampled + 1)) * (IsLongTcp(kind, whole, excess) ? Doubt : 1), 2);

    private static string NameOf(TrafficVector kind, in SecondTraffic whole, in SecondTraffic excess)
    {
        var called = IsLongTcp(kind, whole, excess) ? TcpFinless : kind;
        return Kinds.First(one => one.Vector == called).Name;
    }

    /// <summary>Established TCP of long packets: files are made of it. What is beyond the usual says so, and all of it does not say otherwise.</summary>
    private static bool IsLongTcp(TrafficVector kind, in SecondTraffic whole, in SecondTraffic excess) => kind is TcpAck or TcpFinless
        && excess[kind].Bits / 8 >= (double)LongPacket * excess[kind].Packets && whole[kind].Bits / 8 >= LongPacket / 2.0 * whole[kind].Packets;

    /// <summary>
    /// Bytes per packet of what is new; null: nobody knows. What is beyond the usual is a difference of guesses, of bits and of packets each by itself, and so is its length.
    /// What was measured is none: of the kind, where what is new is nearly nothing else, or of everything, where most of that is new.
    /// </summary>
    private static double? LengthOf(TrafficVector? kind, in SecondTraffic whole, in SecondTraffic excess)
    {
        var all = excess.Total;
        var measured = kind is { } named && Least(excess[named], all) >= NearlyAll && Least(excess[named], whole[named]) >= New ? whole[named]
            : Least(all, whole.Total) >= New ? whole.Total
            : default;
        return measured.Packets == 0 ? null : measured.Bits / 8.0 / measured.Packets;
    }

    /// <summary>Whether packets of the one are the other's as well, by the definitions of the contract's vectors.</summary>
    private static bool Contains(TrafficVector wide, TrafficVector narrow) => wide switch
    {
        Udp => narrow is Fragment || IsAnswer(narrow),
        Icmp or Gre or Other => narrow is Fragment,
        TcpSyn or TcpRst => narrow is TcpInvalid,
        TcpFinless => narrow is TcpAck or TcpSynAck,
        _ => false,
    };

    private static bool IsAnswer(TrafficVector vector) => vector is >= Dns and <= OtherAmplification;

    private static List<(string English, string Japanese)> NotThese(TrafficVector? kind, double? length, in SecondTraffic excess, in SecondTraffic expected)
    {
        var not = new List<(string, string)>();
        var tcp = excess.Total - excess[Udp] - excess[Icmp] - excess[Gre];
        if (kind is not null && excess.Total.Packets > 0 && Part(tcp.Packets, excess.Total.Packets) < 0.5)
        {
            not.Add((
                "no download, backup or speed test over TCP: most of it is not TCP",
                "TCPによるダウンロード、バックアップ、速度測定ではありません(大部分がTCP以外です)"));
        }
        else if (length is > 0 and < LongPacket and var bytes)
        {
            not.Add((
                Invariant($"no download, backup or speed test: {bytes:0} bytes per packet are too few"),
                Invariant($"ダウンロード、バックアップ、速度測定ではありません(1パケットあたり{bytes:0}バイトと短すぎます)")));
        }

        if (expected.Total.Packets > 0)
        {
            var usual = expected.Total.Bits / 8.0 / expected.Total.Packets;
            if (length / usual is < 1 / 1.7 or > 1.7)
            {
                not.Add((
                    Invariant($"no crowd of visitors: {length:0} bytes per packet where {usual:0} are usual"),
                    Invariant($"アクセスの集中ではありません(1パケットあたり{length:0}バイト、平常時は{usual:0}バイトです)")));
            }
            else if (Part(excess[TcpSyn].Packets, excess.Total.Packets) > (2.5 * Part(expected[TcpSyn].Packets, expected.Total.Packets)) + 0.02)
            {
                not.Add((
                    "no crowd of visitors: more connections are begun than traffic would need",
                    "アクセスの集中ではありません(通信量に対して接続開始が多すぎます)"));
            }
        }

        return not;
    }

    private static double Most(Amount part, Amount whole) => Math.Max(Part(part.Packets, whole.Packets), Part(part.Bits, whole.Bits));

    private static double Least(Amount part, Amount whole) => Math.Min(Part(part.Packets, whole.Packets), Part(part.Bits, whole.Bits));

    private static double Part(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
