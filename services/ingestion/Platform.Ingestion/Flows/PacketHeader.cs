using System.Runtime.CompilerServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>What we read from the first bytes of a sampled packet: link layer, tags and labels, IP with extension headers, ports.</summary>
internal struct PacketHeader
{
    private const int MostTags = 8; // VLAN tags or MPLS labels in one frame; more is nonsense that would only cost time
    private const int MostFrames = 3; // pseudowires in pseudowires: each may be read in two ways
    private const int MostExtensionHeaders = 16;

    public HostAddress Source;
    public HostAddress Destination;

    /// <summary>Length of the IP packet by its own header.</summary>
    public uint IpLength;
    public uint FlowLabel;
    public uint TopLabel;

    /// <summary>Bytes that lie behind the IP header and its extensions, as far as they were sampled; 0 for a later fragment.</summary>
    public int PayloadLength;

    /// <summary>Bytes from the start of the IP header to the end of what was sampled; 0 without one.</summary>
    public int SampledIpLength;

    /// <summary>Bytes from the start of the Ethernet header to the end of what was sampled; 0 without one.</summary>
    public int FrameLength;
    public ushort EtherType;
    public ushort Vlan;
    public ushort InnerVlan;
    public ushort SourcePort;
    public ushort DestinationPort;
    public ushort FragmentOffset;
    public ushort Identification;
    public byte Version;
    public byte Protocol;
    public byte TypeOfService;
    public byte Ttl;
    public byte TcpFlags;
    public byte IcmpType;
    public byte IcmpCode;
    public byte Tags;
    public byte Frames;
    public bool HasPorts;
    public bool HasTcpFlags;
    public bool HasLabel;
    public bool MoreFragments;

    /// <summary>What was sampled ends before the header that says the protocol (IPv6).</summary>
    public bool IsCutBeforeProtocol;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryParseEthernet(ReadOnlySpan<byte> frame, ref PacketHeader header)
    {
        if (frame.Length < 14)
        {
            return false;
        }

        header.FrameLength = frame.Length;
        var type = ReadUInt16BigEndian(frame[12..]);
        var position = 14;
        while (type is 0x8100 or 0x88A8 or 0x9100 or 0x9200)
        {
            if (frame.Length < position + 4 || header.Tags == MostTags)
            {
                return false;
            }

            var tag = (ushort)(ReadUInt16BigEndian(frame[position..]) & 0x0FFF);
            if (header.Tags++ == 0)
            {
                header.Vlan = tag;
            }
            else
            {
                header.InnerVlan = tag;
            }

            type = ReadUInt16BigEndian(frame[(position + 2)..]);
            position += 4;
        }

        // A length instead of a type: IEEE 802.3, with SNAP perhaps.
        if (type < 1536 && frame.Length >= position + 8 && frame[position] == 0xAA && frame[position + 1] == 0xAA)
        {
            type = ReadUInt16BigEndian(frame[(position + 6)..]);
            position += 8;
        }

        header.EtherType = type;
        return TryParseType(type, frame[Math.Min(position, frame.Length)..], ref header);
    }

    /// <summary>IPv4 or IPv6, by the version that the first byte says.</summary>
    public static bool TryParseIp(ReadOnlySpan<byte> packet, ref PacketHeader header) => packet.Length == 0 ? false : (packet[0] >> 4) switch
    {
        4 => TryParseV4(packet, ref header),
        6 => TryParseV6(packet, ref header),
        _ => false,
    };

    public static bool TryParseMpls(ReadOnlySpan<byte> packet, ref PacketHeader header)
    {
        for (var labels = 0; labels < MostTags && packet.Length >= 4; labels++)
        {
            var entry = ReadUInt32BigEndian(packet);
            packet = packet[4..];
            if (labels == 0)
            {
                header.HasLabel = true;
                header.TopLabel = entry >> 12;
            }

            if ((entry & 0x100) != 0)
            {
                // Below the labels there is no type: IP by its version, else an Ethernet pseudowire (RFC 4448), with a control word or without.
                return TryParseIp(packet, ref header)
                    || (packet.Length > 18 && packet[0] >> 4 == 0 && TryParseFrame(packet[4..], ref header))
                    || TryParseFrame(packet, ref header);
            }
        }

        return false;
    }

    // That there is a frame is a guess: when it was wrong, nothing of it stays.
    private static bool TryParseFrame(ReadOnlySpan<byte> frame, ref PacketHeader header)
    {
        var within = header;
        if (++within.Frames > MostFrames || !TryParseEthernet(frame, ref within))
        {
            return false;
        }

        header = within;
        return true;
    }

    /// <summary>The packet inside a tunnel: IP in IP (RFC 2003, 4213), GRE with whatever of its options (RFC 2784, 2890), transparent Ethernet in GRE.</summary>
    /// <param name="packet">The bytes that this header was read from.</param>
    public readonly bool TryParseTunnel(ReadOnlySpan<byte> packet, ref PacketHeader inner)
    {
        var payload = packet[^PayloadLength..];
        if (Protocol is 4 or 41)
        {
            return TryParseIp(payload, ref inner);
        }

        if (Protocol != 47 || payload.Length < 4)
        {
            return false;
        }

        var options = payload[0];
        var length = 4 + ((options & 0xC0) != 0 ? 4 : 0) + ((options & 0x20) != 0 ? 4 : 0) + ((options & 0x10) != 0 ? 4 : 0);
        if ((payload[1] & 7) != 0 || payload.Length < length)
        {
            return false; // version 1 is PPTP: no packet at a known place
        }

        var type = ReadUInt16BigEndian(payload[2..]);
        return type == 0x6558 ? TryParseEthernet(payload[length..], ref inner) : TryParseType(type, payload[length..], ref inner);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void CopyTo(ref FlowRecord flow)
    {
        flow.Source = Source;
        flow.Destination = Destination;
        flow.SourcePort = SourcePort;
        flow.DestinationPort = DestinationPort;
        flow.Protocol = Protocol;
        flow.TcpFlags = TcpFlags;
        flow.IsFragment = FragmentOffset != 0;
        flow.Knows = IsCutBeforeProtocol ? FlowKnowledge.None
            : FlowKnowledge.Protocol
            | (HasPorts ? FlowKnowledge.Ports : 0)
            | (HasTcpFlags || Protocol != 6 ? FlowKnowledge.TcpFlags : 0);
    }

    private static bool TryParseType(ushort type, ReadOnlySpan<byte> packet, ref PacketHeader header) => type switch
    {
        0x0800 or 0x86DD => TryParseIp(packet, ref header),
        0x8847 or 0x8848 => TryParseMpls(packet, ref header),
        // PPPoE session: six bytes, then the PPP protocol.
        0x8864 when packet.Length > 8 && ReadUInt16BigEndian(packet[6..]) is 0x0021 or 0x0057 => TryParseIp(packet[8..], ref header),
        _ => false,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryParseV4(ReadOnlySpan<byte> packet, ref PacketHeader header)
    {
        if (packet.Length < 20)
        {
            return false;
        }

        var length = (packet[0] & 0x0F) * 4;
        var fragment = ReadUInt16BigEndian(packet[6..]);
        header.Version = 4;
        header.SampledIpLength = packet.Length;
        header.TypeOfService = packet[1];
        header.IpLength = ReadUInt16BigEndian(packet[2..]);
        header.Identification = ReadUInt16BigEndian(packet[4..]);
        header.FragmentOffset = (ushort)(fragment & 0x1FFF);
        header.MoreFragments = (fragment & 0x2000) != 0;
        header.Ttl = packet[8];
        header.Protocol = packet[9];
        header.Source = HostAddress.FromV4(ReadUInt32BigEndian(packet[12..]));
        header.Destination = HostAddress.FromV4(ReadUInt32BigEndian(packet[16..]));
        if (header.FragmentOffset == 0 && length >= 20 && packet.Length > length)
        {
            ParseTransport(packet[length..], ref header);
        }

        return true;
    }

    private static bool TryParseV6(ReadOnlySpan<byte> packet, ref PacketHeader header)
    {
        if (packet.Length < 40)
        {
            return false;
        }

        var word = ReadUInt32BigEndian(packet);
        header.Version = 6;
        header.SampledIpLength = packet.Length;
        header.TypeOfService = (byte)(word >> 20);
        header.FlowLabel = word & 0xF_FFFF;
        header.IpLength = ReadUInt16BigEndian(packet[4..]) + 40u;
        header.Ttl = packet[7];
        header.Source = HostAddress.FromV6(packet[8..]);
        header.Destination = HostAddress.FromV6(packet[24..]);
        var next = packet[6];
        var rest = packet[40..];
        for (var i = 0; i < MostExtensionHeaders; i++)
        {
            header.Protocol = next;
            if (!IsExtension(next))
            {
                break;
            }

            if (rest.Length < 8)
            {
                return CutBeforeProtocol(ref header);
            }

            if (next == 44)
            {
                var fragment = ReadUInt16BigEndian(rest[2..]);
                header.FragmentOffset = (ushort)(fragment >> 3);
                header.MoreFragments = (fragment & 1) != 0;
            }

            var length = next switch
            {
                44 => 8,
                51 => (rest[1] + 2) * 4,
                _ => (rest[1] + 1) * 8,
            };
            next = rest[0];
            if (header.FragmentOffset != 0 || length >= rest.Length)
            {
                header.Protocol = next;
                return header.FragmentOffset != 0 || !IsExtension(next) || CutBeforeProtocol(ref header);
            }

            rest = rest[length..];
        }

        if (header.FragmentOffset == 0)
        {
            ParseTransport(rest, ref header);
        }

        return true;
    }

    private static bool IsExtension(byte next) => next is 0 or 43 or 44 or 51 or 60 or 135 or 139 or 140;

    private static bool CutBeforeProtocol(ref PacketHeader header)
    {
        (header.Protocol, header.IsCutBeforeProtocol) = (0, true);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ParseTransport(ReadOnlySpan<byte> segment, ref PacketHeader header)
    {
        header.PayloadLength = segment.Length;
        switch (header.Protocol)
        {
            case 6 or 17 or 33 or 132 or 136 when segment.Length >= 4:
                header.HasPorts = true;
                header.SourcePort = ReadUInt16BigEndian(segment);
                header.DestinationPort = ReadUInt16BigEndian(segment[2..]);
                if (header.Protocol == 6 && segment.Length >= 14)
                {
                    header.TcpFlags = segment[13];
                    header.HasTcpFlags = true;
                }

                break;
            case 1 or 58 when segment.Length >= 2:
                header.IcmpType = segment[0];
                header.IcmpCode = segment[1];
                break;
        }
    }
}
