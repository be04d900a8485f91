using Platform.Ingestion.Flows;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Captures;

/// <summary>Takes the UDP payload out of a captured packet: link layer, tags, IP, fragments put together.</summary>
internal sealed class UdpUnwrapper
{
    private readonly Reassembly _fragments = new();

    public bool TryUnwrap(int link, ReadOnlyMemory<byte> packet, long capturedMs, out CapturedDatagram datagram)
    {
        datagram = default;
        return TryStripLink(link, ref packet) && packet.Length >= 20 && (packet.Span[0] >> 4) switch
        {
            4 => TryV4(packet, capturedMs, out datagram),
            6 => TryV6(packet, capturedMs, out datagram),
            _ => false,
        };
    }

    private static bool TryStripLink(int link, ref ReadOnlyMemory<byte> packet)
    {
        var bytes = packet.Span;
        switch (link)
        {
            case 0 or 108 when bytes.Length > 4: // BSD loopback
                packet = packet[4..];
                return true;
            case 1 when bytes.Length > 14: // Ethernet
                return TryStripType(ReadUInt16BigEndian(bytes[12..]), 14, ref packet);
            case 9 when bytes.Length > 4: // PPP
                packet = packet[(bytes[0] == 0xFF ? 4 : 2)..];
                return true;
            case 12 or 14 or 101 or 228 or 229: // bare IP
                return true;
            case 113 when bytes.Length > 16: // Linux cooked
                return TryStripType(ReadUInt16BigEndian(bytes[14..]), 16, ref packet);
            case 276 when bytes.Length > 20: // Linux cooked, second version
                return TryStripType(ReadUInt16BigEndian(bytes), 20, ref packet);
            default:
                return false;
        }
    }

    private static bool TryStripType(ushort type, int position, ref ReadOnlyMemory<byte> packet)
    {
        var bytes = packet.Span;
        while (type is 0x8100 or 0x88A8 or 0x9100 or 0x9200 && bytes.Length >= position + 4)
        {
            type = ReadUInt16BigEndian(bytes[(position + 2)..]);
            position += 4;
        }

        if (type is 0x8847 or 0x8848)
        {
            while (bytes.Length >= position + 4)
            {
                position += 4;
                if ((bytes[position - 2] & 1) != 0)
                {
                    break;
                }
            }
        }
        else if (type == 0x8864)
        {
            position += 8;
        }
        else if (type is not (0x0800 or 0x86DD))
        {
            return false;
        }

        packet = packet[Math.Min(position, packet.Length)..];
        return true;
    }

    private bool TryV4(ReadOnlyMemory<byte> packet, long capturedMs, out CapturedDatagram datagram)
    {
        datagram = default;
        var bytes = packet.Span;
        var headerLength = (bytes[0] & 0x0F) * 4;
        int total = ReadUInt16BigEndian(bytes[2..]);
        if (bytes[9] != 17 || headerLength < 20 || bytes.Length < headerLength)
        {
            return false;
        }

        // A total length of 0 is segmentation offload seen on the sending host: take everything.
        var end = total < headerLength ? bytes.Length : Math.Min(total, bytes.Length);
        var source = HostAddress.FromV4(ReadUInt32BigEndian(bytes[12..]));
        var fragment = ReadUInt16BigEndian(bytes[6..]);
        var payload = packet[headerLength..end];
        if ((fragment & 0x3FFF) != 0)
        {
            var key = (source, HostAddress.FromV4(ReadUInt32BigEndian(bytes[16..])), (uint)ReadUInt16BigEndian(bytes[4..]));
            return _fragments.TryComplete(key, (fragment & 0x1FFF) * 8, (fragment & 0x2000) != 0, payload.Span, out payload) && TryUdp(payload, source, capturedMs, out datagram);
        }

        return TryUdp(payload, source, capturedMs, out datagram);
    }

    private bool TryV6(ReadOnlyMemory<byte> packet, long capturedMs, out CapturedDatagram datagram)
    {
        datagram = default;
        if (packet.Length < 40)
        {
            return false;
        }

        var bytes = packet.Span;
        var source = HostAddress.FromV6(bytes[8..]);
        var destination = HostAddress.FromV6(bytes[24..]);
        var next = bytes[6];
        var rest = packet[40..Math.Min(packet.Length, 40 + ReadUInt16BigEndian(bytes[4..]))];
        while (next is 0 or 43 or 60 or 44)
        {
            var header = rest.Span;
            if (header.Length < 8)
            {
                return false;
            }

            var isFragment = next == 44;
            next = header[0];
            if (isFragment)
            {
                var fragment = ReadUInt16BigEndian(header[2..]);
                if (next != 17)
                {
                    return false;
                }

                var key = (source, destination, ReadUInt32BigEndian(header[4..]));
                return _fragments.TryComplete(key, fragment & 0xFFF8, (fragment & 1) != 0, header[8..], out rest) && TryUdp(rest, source, capturedMs, out datagram);
            }

            var length = (header[1] + 1) * 8;
            if (length > header.Length)
            {
                return false;
            }

            rest = rest[length..];
        }

        return next == 17 && TryUdp(rest, source, capturedMs, out datagram);
    }

    private static bool TryUdp(ReadOnlyMemory<byte> segment, HostAddress source, long capturedMs, out CapturedDatagram datagram)
    {
        datagram = default;
        if (segment.Length < 8)
        {
            return false;
        }

        int length = ReadUInt16BigEndian(segment.Span[4..]);
        var end = length < 8 ? segment.Length : Math.Min(length, segment.Length);
        datagram = new(capturedMs, source, ReadUInt16BigEndian(segment.Span[2..]), segment[8..end]);
        return true;
    }
}
