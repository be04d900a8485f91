using static Platform.Detection.ProtectedObjects.TrafficVector;

namespace Platform.Detection.ProtectedObjects;

/// <summary>
/// Ready-made thresholds by what stands behind the addresses, from the bandwidth that the customer declared: no single host should get all of it,
/// a flood shows in packets before it shows in bits, and what a service never receives may be small. Floors keep small contracts quiet.
/// </summary>
internal static class ThresholdProfiles
{
    public const string Generic = "generic";

    /// <summary>A little more than is declared is an excess, and no attack.</summary>
    private const double Excess = 1.5;

    private static readonly TrafficVector[] Amplification =
        [Ntp, Ssdp, Cldap, Memcached, Chargen, Snmp, Portmap, Netbios, Mssql, Rip, Qotd, Tftp, Mdns, WsDiscovery, Arms];

    /// <summary>What nobody sends who means well.</summary>
    private static readonly TrafficVector[] Odd = [TcpNull, TcpInvalid, IpNull];

    /// <summary>What private networks are made of.</summary>
    private static readonly TrafficVector[] Tunnels = [Gre, L2tp];

    /// <summary>
    /// Share of the declared bandwidth per profile: UDP, ICMP, answers of name servers; then SYN packets' share of as many packets as fit into it, and bits per packet.
    /// </summary>
    private static readonly Dictionary<string, (double Udp, double Icmp, double Dns, double Syn, double PacketBits)> Shares = new()
    {
        [Generic] = (0.5, 0.01, 0.05, 0.06, 4_000),
        ["web"] = (0.3, 0.01, 0.02, 0.1, 2_000), // many new connections, hardly any UDP but QUIC
        ["dns"] = (1, 0.01, 0.3, 0.04, 600), // short questions, and hardly anything else
        ["game"] = (0.8, 0.01, 0.02, 0.02, 1_000), // short packets, many of them
        ["mail"] = (0.1, 0.01, 0.1, 0.15, 4_000), // a connection a mail, and questions about who sends it
        ["eyeball"] = (0.8, 0.02, 0.1, 0.04, 4_000), // homes: downloads over QUIC, every kind of answer
    };

    public static IEnumerable<string> Names => Shares.Keys;

    /// <summary>The thresholds of a profile; null when there is no such profile.</summary>
    public static IReadOnlyList<Threshold>? Of(string profile, long declaredBitsPerSecond)
    {
        if (!Shares.TryGetValue(profile, out var share))
        {
            return null;
        }

        var declared = (double)declaredBitsPerSecond;
        var talk = profile is "dns" or "mail" ? 50.0 : 10;
        var syn = declared * share.Syn / share.PacketBits;
        return
        [
            New(Total, declared * Excess, 20_000_000, declared * Excess / share.PacketBits, 20_000),
            New(Udp, declared * Excess * share.Udp, 10_000_000, declared * Excess * share.Udp / share.PacketBits, 10_000),
            New(Icmp, declared * share.Icmp, 2_000_000, declared * share.Icmp / 1_000, 1_000),
            new(TcpSyn, null, (long)Math.Max(2_000, syn)),
            new(TcpSynAck, null, (long)Math.Max(4_000, syn * 2)), // answers to what is begun here
            new(TcpRst, null, (long)Math.Max(4_000, syn * 2)),
            New(Dns, declared * share.Dns, 5_000_000, declared * share.Dns / 2_000, 5_000),
            New(Fragment, declared / 20, 5_000_000, declared / 40_000, 5_000),
            .. Amplification.Select(vector => New(vector, declared / 50, 5_000_000, declared / 100_000, 5_000)),

            // Of ports that are abused some are of conferences, telephones, private networks and games; only who serves names or mail has no use for these.
            New(OtherAmplification, declared / talk, 5_000_000, declared / (2_000 * talk), 5_000),
            .. Odd.Select(vector => New(vector, declared / 100, 2_000_000, declared / 100_000, 1_000)),
            .. Tunnels.Select(vector => New(vector, declared / 5, 10_000_000, declared / 20_000, 10_000)),

            // Sums over hosts: traffic that is spread so that no host stands out. A little more than one host may have.
            .. ((WatchLevel[])[WatchLevel.Prefix, WatchLevel.Object]).SelectMany(level => (Threshold[])
            [
                New(Total, declared * Excess, 25_000_000, declared * Excess * 4 / 3 / share.PacketBits, 25_000, level),
                New(Udp, declared * Excess * share.Udp * 4 / 3, 15_000_000, declared * Excess * share.Udp * 4 / 3 / share.PacketBits, 15_000, level),
                New(Icmp, declared * share.Icmp * 2, 4_000_000, declared * share.Icmp / 500, 2_000, level),
                new(TcpSyn, null, (long)Math.Max(4_000, syn * 2), Level: level),
            ]),
        ];
    }

    private static Threshold New(
        TrafficVector vector, double bits, long leastBits, double packets, long leastPackets, WatchLevel level = WatchLevel.Host) =>
        new(vector, Math.Max(leastBits, (long)bits), Math.Max(leastPackets, (long)packets), Level: level);
}
