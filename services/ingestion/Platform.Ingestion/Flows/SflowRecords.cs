using System.Runtime.CompilerServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>The records inside an sFlow sample: the packet's header, and what switch, router and gateway said of it.</summary>
internal static class SflowRecords
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(
        ReadOnlySpan<byte> bytes, uint records, ExporterContext exporter, ref FlowSample sample, ref ReadOnlySpan<byte> packet)
    {
        for (; records > 0; records--)
        {
            if (bytes.Length < 8 || ReadUInt32BigEndian(bytes[4..]) > bytes.Length - 8)
            {
                exporter.Count(DecodeError.SampleBeyondDatagram);
                break;
            }

            var kind = ReadUInt32BigEndian(bytes);
            var length = (int)ReadUInt32BigEndian(bytes[4..]);
            ReadRecord(kind, bytes.Slice(8, length), ref sample, ref packet);
            bytes = bytes[Math.Min(8 + WithPadding(length), bytes.Length)..];
        }

        ref var read = ref sample.Packet;
        if (sample.HasTcpFlagsBeside && !read.HasTcpFlags && read.Protocol == 6 && read.FragmentOffset == 0)
        {
            (read.TcpFlags, read.HasTcpFlags) = (sample.TcpFlagsBeside, true);
        }
    }

    /// <summary>Records and samples begin at multiples of four bytes (XDR); some agents leave the padding out of the length that they tell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WithPadding(int length) => (length + 3) & ~3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadRecord(uint kind, ReadOnlySpan<byte> record, ref FlowSample sample, ref ReadOnlySpan<byte> packet)
    {
        switch (kind)
        {
            case 1 when record.Length >= 16:
                ReadRawHeader(record, ref sample, ref packet);
                break;
            case 2 when record.Length >= 4 && sample.FrameLength == 0:
                sample.FrameLength = ReadUInt32BigEndian(record);
                break;
            case 3 when record.Length >= 32:
                ReadSampledIp(record, addressLength: 4, ref sample);
                break;
            case 4 when record.Length >= 56:
                ReadSampledIp(record, addressLength: 16, ref sample);
                break;
            case 1001 when record.Length >= 16:
                sample.HasSwitch = true;
                sample.SourceVlan = ReadUInt32BigEndian(record);
                sample.DestinationVlan = ReadUInt32BigEndian(record[8..]);
                break;
            case 1002 when TryReadAddress(ref record, out sample.NextHop) && record.Length >= 8:
                sample.HasRouter = true;
                sample.SourcePrefixLength = ReadUInt32BigEndian(record);
                sample.DestinationPrefixLength = ReadUInt32BigEndian(record[4..]);
                break;
            case 1003 when TryReadAddress(ref record, out sample.BgpNextHop) && record.Length >= 16:
                ReadGateway(record, ref sample);
                break;
            case 1007 when TryReadAddress(ref record, out sample.NatSource) && TryReadAddress(ref record, out sample.NatDestination):
                sample.HasNat = true;
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadRawHeader(ReadOnlySpan<byte> record, ref FlowSample sample, ref ReadOnlySpan<byte> packet)
    {
        sample.HeaderProtocol = ReadUInt32BigEndian(record);
        sample.FrameLength = ReadUInt32BigEndian(record[4..]);
        sample.Stripped = ReadUInt32BigEndian(record[8..]);
        var length = (int)Math.Min(ReadUInt32BigEndian(record[12..]), (uint)record.Length - 16);
        packet = record.Slice(16, length);
        sample.Packet = default; // of several headers the last counts, and nothing of the others
        sample.HasIp = sample.HeaderProtocol switch
        {
            1 => PacketHeader.TryParseEthernet(packet, ref sample.Packet),
            11 or 12 => PacketHeader.TryParseIp(packet, ref sample.Packet),
            13 => PacketHeader.TryParseMpls(packet, ref sample.Packet),
            _ => false,
        };
    }

    private static void ReadSampledIp(ReadOnlySpan<byte> record, int addressLength, ref FlowSample sample)
    {
        if (ReadUInt32BigEndian(record[4..]) == 6)
        {
            (sample.TcpFlagsBeside, sample.HasTcpFlagsBeside) = (record[16 + 2 * addressLength + 3], true);
        }

        if (sample.HasIp)
        {
            return; // the packet itself says more
        }

        ref var packet = ref sample.Packet;
        var isV4 = addressLength == 4;
        packet.Version = isV4 ? (byte)4 : (byte)6;
        packet.IpLength = ReadUInt32BigEndian(record);
        packet.Protocol = (byte)ReadUInt32BigEndian(record[4..]);
        packet.Source = isV4 ? HostAddress.FromV4(ReadUInt32BigEndian(record[8..])) : HostAddress.FromV6(record[8..]);
        var rest = record[(8 + addressLength)..];
        packet.Destination = isV4 ? HostAddress.FromV4(ReadUInt32BigEndian(rest)) : HostAddress.FromV6(rest);
        rest = rest[addressLength..];
        packet.SourcePort = (ushort)ReadUInt32BigEndian(rest);
        packet.DestinationPort = (ushort)ReadUInt32BigEndian(rest[4..]);
        packet.HasPorts = packet.Protocol is 6 or 17 or 33 or 132 or 136;
        packet.HasTcpFlags = packet.Protocol == 6;
        packet.TcpFlags = (byte)ReadUInt32BigEndian(rest[8..]);
        packet.TypeOfService = (byte)ReadUInt32BigEndian(rest[12..]);
        sample.HasIp = true;
        if (sample.FrameLength == 0)
        {
            sample.FrameLength = packet.IpLength;
        }
    }

    private static void ReadGateway(ReadOnlySpan<byte> record, ref FlowSample sample)
    {
        sample.HasGateway = true;
        var ownAsn = ReadUInt32BigEndian(record);
        sample.SourceAsn = ReadUInt32BigEndian(record[4..]);
        sample.SourcePeerAsn = ReadUInt32BigEndian(record[8..]);
        var segments = ReadUInt32BigEndian(record[12..]);
        record = record[16..];
        // The destination is the last AS of the path, the peer its first. No path: the destination is the agent's own AS.
        sample.DestinationAsn = ownAsn;
        for (var first = true; segments > 0 && record.Length >= 8; segments--)
        {
            var count = ReadUInt32BigEndian(record[4..]);
            if (count > (record.Length - 8) / 4)
            {
                return;
            }

            if (count > 0)
            {
                sample.DestinationPeerAsn = first ? ReadUInt32BigEndian(record[8..]) : sample.DestinationPeerAsn;
                sample.DestinationAsn = ReadUInt32BigEndian(record[(4 + (int)count * 4)..]);
                first = false;
            }

            record = record[(8 + (int)count * 4)..];
        }
    }

    public static bool TryReadAddress(ref ReadOnlySpan<byte> bytes, out HostAddress address)
    {
        address = default;
        if (bytes.Length < 4)
        {
            return false;
        }

        var kind = ReadUInt32BigEndian(bytes);
        var length = kind switch { 0 => 0, 1 => 4, 2 => 16, _ => -1 };
        if (length < 0 || bytes.Length < 4 + length)
        {
            return false;
        }

        if (length > 0)
        {
            address = length == 4 ? HostAddress.FromV4(ReadUInt32BigEndian(bytes[4..])) : HostAddress.FromV6(bytes[4..]);
        }

        bytes = bytes[(4 + length)..];
        return true;
    }
}
