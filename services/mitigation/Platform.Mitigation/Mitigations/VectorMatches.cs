using System.Net;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

/// <summary>What each vector of detection says about its packets.</summary>
internal static class VectorMatches
{
    /// <summary>All of UDP.</summary>
    public const string Udp = "udp";

    private const byte Fin = 1, Syn = TrafficRule.Syn, Rst = 4, Ack = TrafficRule.Ack, Gre = 47;
    private const int L2tp = 1701;
    private const string OtherAmplification = "other-amplification";

    private const string TcpInvalid = "tcp-invalid";

    /// <summary>Of any protocol that has no vector of its own.</summary>
    private const string Other = "other";

    private static readonly Dictionary<string, int> AmplifiedFromPort = new()
    {
        ["dns"] = 53,
        ["ntp"] = 123,
        ["ssdp"] = 1900,
        ["cldap"] = 389,
        ["memcached"] = 11211,
        ["chargen"] = 19,
        ["snmp"] = 161,
        ["portmap"] = 111,
        ["netbios"] = 137,
        ["mssql"] = 1434,
        ["rip"] = 520,
        ["qotd"] = 17,
        ["tftp"] = 69,
        ["mdns"] = 5353,
        ["ws-discovery"] = 3702,
        ["l2tp"] = L2tp,
        ["arms"] = 3283,
    };

    /// <summary>Vectors that much honest traffic is part of too: also answers to the customer's own connections, and his tunnels.</summary>
    public static bool IsBroad(string vector) =>
        vector is Udp or "icmp" or "tcp-syn" or "tcp-syn-ack" or "tcp-ack" or "tcp-rst" or "dns" or "gre" or "l2tp" or OtherAmplification or Other;

    /// <summary>Whether what the first counts is counted by the second too. Fragments are of any protocol: of UDP only as far as there is so much of it.</summary>
    public static bool IsPartOf(VectorEvidence it, VectorEvidence other) => other.Vector switch
    {
        _ when it.Vector == other.Vector => false,
        TargetTraffic.Total => true,
        Udp => IsService(it.Vector) || (it.Vector is "fragment" && it.BitsPerSecond <= other.BitsPerSecond),
        "tcp-ack" => it.Vector is "tcp-finless",
        _ => false,
    };

    /// <summary>Whether it is UDP from the port of a service, and no more.</summary>
    public static bool IsService(string vector) => vector is OtherAmplification || AmplifiedFromPort.ContainsKey(vector);

    /// <summary>
    /// What one honest, lively host sends of it at most, in bytes per second: 50 connection attempts, answers to them, echo requests or resets; a tunnel of
    /// 100 Mbit/s; a call of 1 Mbit/s.
    /// </summary>
    public static long LivelyHost(TrafficRule rule) => rule switch
    {
        { TcpFlagsSet: Syn or Rst or (Syn | Ack) } or { Protocol: 1 or 58 } => 3_000,
        { Protocol: Gre or 4 or 41 or 50 or 51 or 97 or 115 } or { SourcePort: { From: L2tp, To: L2tp } } => 12_500_000,
        _ => 125_000,
    };

    /// <summary>Flags that no stack sends: there is nothing honest to spare, whatever its ports and lengths.</summary>
    public static bool IsNeverHonest(string vector) => vector is "tcp-null" or TcpInvalid;

    /// <summary>Discard rules for the vector's packets, none of which matches what another does; empty when the name says nothing that a filter could tell apart.</summary>
    public static IReadOnlyList<TrafficRule> For(string vector, IPNetwork target, bool isIPv4, NumberRange? sourcePort = null, byte? protocol = null)
    {
        if (vector is TcpInvalid)
        {
            var tcp = new TrafficRule(target, TrafficAction.Discard, Protocol: TrafficRule.Tcp);
            return
            [
                tcp with { TcpFlagsSet = Fin, TcpFlagsClear = Ack }, // FIN alone, Xmas, SYN with FIN
                tcp with { TcpFlagsClear = Fin | Syn | Rst | Ack }, // PSH, URG
                tcp with { TcpFlagsSet = Syn | Fin | Ack },
                tcp with { TcpFlagsSet = Syn | Rst, TcpFlagsClear = Fin },
            ];
        }

        return RuleFor(vector, target, isIPv4, sourcePort, protocol) is { } rule ? [rule] : [];
    }

    private static TrafficRule? RuleFor(string vector, IPNetwork target, bool isIPv4, NumberRange? sourcePort, byte? protocol)
    {
        var rule = new TrafficRule(target, TrafficAction.Discard);
        if (AmplifiedFromPort.TryGetValue(vector, out var port))
        {
            return rule with { Protocol = TrafficRule.Udp, SourcePort = NumberRange.Of(port) };
        }

        return vector switch
        {
            Udp => rule with { Protocol = TrafficRule.Udp },
            OtherAmplification when sourcePort is not null => rule with { Protocol = TrafficRule.Udp, SourcePort = sourcePort }, // one of many services: the port says which
            Other when protocol is not null => rule with { Protocol = protocol }, // the vector says what it is not, the evidence what it is
            "icmp" => rule with { Protocol = (byte)(isIPv4 ? 1 : 58) },
            "tcp-syn" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Syn, TcpFlagsClear = Ack },
            "tcp-syn-ack" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Syn | Ack },
            "tcp-ack" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Ack, TcpFlagsClear = Syn | Rst },
            "tcp-rst" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Rst },
            "tcp-null" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsClear = 0x1F },
            "fragment" => rule with { Fragment = true },
            "gre" => rule with { Protocol = Gre },
            "ip-null" => rule with { Protocol = 0 },
            _ => null,
        };
    }
}
