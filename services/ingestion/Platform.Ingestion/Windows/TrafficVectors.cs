using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>Kinds of traffic that a flow is part of, as bits: bit n - 1 is value n of the contract's <see cref="Vector"/>. The highest bit says that the host sent it.</summary>
[Flags]
internal enum TrafficVectors : uint
{
    None = 0,
    Outgoing = 1u << 31,
}

internal static class TrafficVectorsOf
{
    private const int Fin = 0x01;
    private const int Syn = 0x02;
    private const int Rst = 0x04;
    private const int Ack = 0x10;
    private const int Six = 0x3F; // the control bits of RFC 9293 without those of ECN
    private const int OfOnePacket = 0x100;

    private static readonly (Vector Vector, ushort[] Ports)[] Amplifiers =
    [
        (Vector.Dns, [53]), (Vector.Ntp, [123]), (Vector.Ssdp, [1900]), (Vector.Cldap, [389]), (Vector.Memcached, [11211]), (Vector.Chargen, [19]),
        (Vector.Snmp, [161]), (Vector.Portmap, [111]), (Vector.Netbios, [137]), (Vector.Mssql, [1434]), (Vector.Rip, [520]), (Vector.Qotd, [17]),
        (Vector.Tftp, [69]), (Vector.Mdns, [5353]), (Vector.WsDiscovery, [3702]), (Vector.L2Tp, [1701]), (Vector.Arms, [3283]),
        // IPMI, OpenVPN, Sentinel, BitTorrent, STUN, SIP, CoAP, Ubiquiti, TP-240, game servers, Plex, DVR and camera discovery, RDP.
        (Vector.OtherAmplification,
            [623, 1194, 5093, 6881, 3478, 5060, 5683, 10001, 10074, 20800, 27015, 27960, 28960, 30718, 32414, 33848, 37810, 3389, 64738]),
    ];

    private static readonly ProtocolRules[] ByProtocol = [.. Enumerable.Range(0, 256).Select(protocol => RulesOf((byte)protocol))];
    private static readonly TrafficVectors[] ByTcpFlags = [.. Enumerable.Range(0, 2 * OfOnePacket).Select(OfTcpFlags)];
    private static readonly Dictionary<ushort, TrafficVectors> ByPort = Amplifiers
        .SelectMany(amplifier => amplifier.Ports.Select(port => (port, amplifier.Vector)))
        .ToDictionary(entry => entry.port, entry => Bit(entry.Vector));

    // Eight kilobytes that stay in the first-level cache: most source ports are nobody's.
    private static readonly byte[] AmplifierPorts = BitmapOf(ByPort.Keys);

    // Protocols and flags of one flow say nothing about the next: tables and masks instead of branches that would be guessed wrong.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TrafficVectors Flow(in FlowRecord flow)
    {
        if (flow.Knows != FlowKnowledge.All || flow.IsFragment || (flow.SourcePort | flow.DestinationPort) == 0)
        {
            return FlowRarely(in flow);
        }

        ref var rules = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(ByProtocol), flow.Protocol);
        var vectors = rules.Always | (Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(ByTcpFlags), FlagsOf(in flow)) & rules.ByFlags);
        var port = flow.SourcePort;
        return (Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(AmplifierPorts), port >> 3) >> (port & 7) & rules.ByPort) == 0
            ? vectors
            : vectors | ByPort[port];
    }

    private static TrafficVectors FlowRarely(in FlowRecord flow)
    {
        if ((flow.Knows & FlowKnowledge.Protocol) == 0)
        {
            return TrafficVectors.None;
        }

        var rules = ByProtocol[flow.Protocol];
        var isPortless = (flow.Knows & FlowKnowledge.Ports) != 0 && flow is { Protocol: 6 or 17, SourcePort: 0, DestinationPort: 0 };
        if (flow.IsFragment || isPortless)
        {
            return rules.Always | Bit(Vector.Fragment);
        }

        var byFlags = (flow.Knows & FlowKnowledge.TcpFlags) != 0 ? ByTcpFlags[FlagsOf(in flow)] & rules.ByFlags : 0;
        return rules.Always | byFlags | (rules.ByPort != 0 ? ByPort.GetValueOrDefault(flow.SourcePort) : 0);
    }

    public static TrafficVectors Bit(Vector vector) => (TrafficVectors)(1u << ((int)vector - 1));

    private static ProtocolRules RulesOf(byte protocol) => protocol switch
    {
        0 => new(Bit(Vector.IpNull), 0, 0),
        1 or 58 => new(Bit(Vector.Icmp), 0, 0),
        6 => new(0, (TrafficVectors)uint.MaxValue, 0),
        17 => new(Bit(Vector.Udp), 0, 1),
        47 => new(Bit(Vector.Gre), 0, 0),
        _ => new(Bit(Vector.Other), 0, 0),
    };

    /// <summary>A record tells the flags of all its packets ored: they are those of a packet only where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FlagsOf(in FlowRecord flow) => flow.TcpFlags | (flow.Packets == 1 ? OfOnePacket : 0);

    private static TrafficVectors OfTcpFlags(int flags)
    {
        var vectors = (flags & Six) == 0 ? Bit(Vector.TcpNull) : IsInvalid(flags) ? Bit(Vector.TcpInvalid) : TrafficVectors.None;
        vectors |= (flags & Rst) != 0 ? Bit(Vector.TcpRst) : 0;
        vectors |= (flags & (Syn | Ack)) == Syn ? Bit(Vector.TcpSyn) : 0;
        vectors |= (flags & Six) == (Syn | Ack) ? Bit(Vector.TcpSynAck) : 0;
        vectors |= (flags & (Syn | Rst | Ack)) == Ack ? Bit(Vector.TcpAck) : 0;
        return vectors | ((flags & (Ack | Fin | Rst)) == Ack ? Bit(Vector.TcpFinless) : 0);
    }

    /// <summary>
    /// Whether no stack sends it. Each packet of a connection but the first and a reset acknowledges, so no sequence of them ends or pushes without ACK; one packet
    /// does not begin and end at once. A flow may: a scan begins and resets (SYN, then RST), a whole connection has SYN and FIN among its ACKs.
    /// </summary>
    private static bool IsInvalid(int flags) =>
        (flags & (Fin | Ack)) == Fin
        || (flags & (Syn | Rst | Ack)) == 0
        || ((flags & (Syn | OfOnePacket)) == (Syn | OfOnePacket) && (flags & (Fin | Rst)) != 0);

    private static byte[] BitmapOf(IEnumerable<ushort> ports)
    {
        var bitmap = new byte[65_536 / 8];
        foreach (var port in ports)
        {
            bitmap[port >> 3] |= (byte)(1 << (port & 7));
        }

        return bitmap;
    }

    /// <param name="Always">Vectors of every flow of the protocol.</param>
    /// <param name="ByFlags">All bits when TCP flags add vectors, else none.</param>
    /// <param name="ByPort">1 when the source port adds vectors, else 0.</param>
    private readonly record struct ProtocolRules(TrafficVectors Always, TrafficVectors ByFlags, int ByPort);
}
