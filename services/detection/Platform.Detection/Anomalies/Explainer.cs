using Platform.Detection.ProtectedObjects;
using static System.FormattableString;
using static Platform.Detection.ProtectedObjects.TrafficVector;
using IPNetwork = System.Net.IPNetwork;

namespace Platform.Detection.Anomalies;

/// <summary>Says in one sentence why an anomaly was recognised, what it looks like, how sure that is, and what it is not. Pure.</summary>
internal static class Explainer
{
    private const double Telling = 0.4;

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
    /// <param name="excess">Traffic beyond the usual.</param>
    /// <param name="expected">The usual traffic at this hour; empty while nothing is learned.</param>
    /// <param name="evidence">What sketches say.</param>
    /// <param name="judged">Whose traffic was measured; of the whole object the prefixes that have nearly all of it. Null: the target's.</param>
    /// <param name="prefixes">What the anomaly is spread over; null: its target alone.</param>
    /// <param name="grain">Packets that one sampled packet stands for; 1: nothing is sampled; 0: ingestion does not say.</param>
    public static Explanation Explain(
        AnomalySubject subject,
        string rule,
        IReadOnlyList<VectorMeasurement> over,
        in SecondTraffic excess,
        in SecondTraffic expected,
        Evidence evidence,
        IReadOnlyList<IPNetwork>? judged = null,
        IReadOnlyList<PrefixShare>? prefixes = null,
        long grain = 1)
    {
        var first = over[0];
        var unit = first.UnitOver();
        var (measured, threshold, baseline) = unit switch
        {
            TrafficUnit.Bits => (first.BitsPerSecond, first.ThresholdBitsPerSecond, first.BaselineBitsPerSecond),
            TrafficUnit.Packets => (first.PacketsPerSecond, first.ThresholdPacketsPerSecond, first.BaselinePacketsPerSecond),
            _ => (first.FlowsPerSecond ?? 0, first.ThresholdFlowsPerSecond, null),
        };
        var (kind, confidence) = Classify(excess, (double)excess.Total.Packets / Math.Max(1, grain));
        var not = NotThese(kind, excess, expected);
        var said = new Said(subject, rule, first.Vector, first.Level, unit, measured, threshold ?? 0, baseline, judged ?? [subject.Target], prefixes);
        return new(
            said.InEnglish(),
            rule,
            first.Vector.Name(),
            unit,
            measured,
            threshold ?? 0,
            baseline,
            kind,
            confidence,
            [.. not.Select(no => no.English)],
            evidence,
            first.Level ?? subject.Level,
            said.InJapanese(),
            [.. not.Select(no => no.Japanese)]);
    }

    /// <summary>
    /// What most of it is: of kinds that exclude each other the larger one, and of what contains another one that is much of it the other one, which tells more.
    /// Never certain, and of few sampled packets less so: the next one might have been of another kind.
    /// </summary>
    private static (string? Kind, double? Confidence) Classify(in SecondTraffic excess, double sampled)
    {
        var found = new List<(TrafficVector Vector, string Name, double Part)>();
        foreach (var (vector, name) in Kinds)
        {
            var part = Math.Max(Part(excess[vector].Packets, excess.Total.Packets), Part(excess[vector].Bits, excess.Total.Bits));
            if (part >= Telling)
            {
                found.Add((vector, name, part));
            }
        }

        if (found.Count == 0 || excess.Total.Packets == 0)
        {
            return (null, null);
        }

        var largest = found.MaxBy(one => one.Part);
        var kind = found.Where(one => Contains(largest.Vector, one.Vector))
            .OrderByDescending(one => IsAnswer(one.Vector)) // long answers come in fragments, of which only the first has ports
            .ThenByDescending(one => one.Part)
            .FirstOrDefault(largest);
        return (kind.Name, Math.Round(Math.Min(0.99, kind.Part * sampled / (sampled + 1)), 2));
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

    private static List<(string English, string Japanese)> NotThese(string? kind, in SecondTraffic excess, in SecondTraffic expected)
    {
        var not = new List<(string, string)>();
        var bytes = excess.Total.Packets == 0 ? 0 : excess.Total.Bits / 8.0 / excess.Total.Packets;
        var tcp = excess.Total - excess[Udp] - excess[Icmp] - excess[Gre];
        if (kind is not null && Part(tcp.Packets, excess.Total.Packets) < 0.5)
        {
            not.Add((
                "no download, backup or speed test over TCP: most of it is not TCP",
                "TCPによるダウンロード、バックアップ、速度測定ではありません(大部分がTCP以外です)"));
        }
        else if (bytes is > 0 and < 700)
        {
            not.Add((
                Invariant($"no download, backup or speed test: {bytes:0} bytes per packet are too few"),
                Invariant($"ダウンロード、バックアップ、速度測定ではありません(1パケットあたり{bytes:0}バイトと短すぎます)")));
        }

        if (expected.Total.Packets > 0)
        {
            var usual = expected.Total.Bits / 8.0 / expected.Total.Packets;
            if (bytes > 0 && (bytes / usual is < 1 / 1.7 or > 1.7))
            {
                not.Add((
                    Invariant($"no crowd of visitors: {bytes:0} bytes per packet where {usual:0} are usual"),
                    Invariant($"アクセスの集中ではありません(1パケットあたり{bytes:0}バイト、平常時は{usual:0}バイトです)")));
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

    private static double Part(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
