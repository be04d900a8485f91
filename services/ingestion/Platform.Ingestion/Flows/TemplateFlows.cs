using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>
/// NetFlow version 9 (RFC 3954) and IPFIX (RFC 7011): headers, sets and templates. They differ in header, set ids, scopes, withdrawal; the records are
/// the same (<see cref="TemplateRecords"/>). The count in a NetFlow v9 header is not used: exporters fill it in different ways.
/// </summary>
internal static class TemplateFlows
{
    private const int NetFlow9HeaderLength = 20;
    private const int IpfixHeaderLength = 16;
    private const int SetHeaderLength = 4;
    private const ushort FirstTemplateId = 256;

    public static void DecodeNetFlow9<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (datagram.Length < NetFlow9HeaderLength)
        {
            exporter.Count(DecodeError.HeaderTruncated);
            return;
        }

        var header = new MessageHeader
        {
            Format = FlowProtocol.NetFlow9,
            UptimeMs = ReadUInt32BigEndian(datagram[4..]),
            ExportedMs = ReadUInt32BigEndian(datagram[8..]) * 1000L,
            Sequence = ReadUInt32BigEndian(datagram[12..]),
            Domain = ReadUInt32BigEndian(datagram[16..]),
            ReceivedMs = receivedMs,
        };
        if (Enter(in header, exporter) is { } domain)
        {
            var records = DecodeSets(datagram, NetFlow9HeaderLength, datagram.Length, exporter, domain, ref header, ref handler);
            exporter.NoteSequenceOfNetFlow9(domain, in header, records);
        }
    }

    public static void DecodeIpfix<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        // One message in a datagram, as a rule; another one begins where the first says that it ends.
        while (HasMessageBehind(datagram, out var end))
        {
            DecodeMessage(datagram[..end], exporter, receivedMs, ref handler);
            datagram = datagram[end..];
        }

        DecodeMessage(datagram, exporter, receivedMs, ref handler);
    }

    private static bool HasMessageBehind(ReadOnlySpan<byte> datagram, out int end)
    {
        end = datagram.Length < IpfixHeaderLength ? 0 : ReadUInt16BigEndian(datagram[2..]);
        return end >= IpfixHeaderLength && datagram.Length - end >= IpfixHeaderLength
            && ReadUInt16BigEndian(datagram[end..]) == 10
            && ReadUInt16BigEndian(datagram[(end + 2)..]) is >= IpfixHeaderLength and var next && next <= datagram.Length - end;
    }

    private static void DecodeMessage<THandler>(ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (datagram.Length < IpfixHeaderLength)
        {
            exporter.Count(DecodeError.HeaderTruncated);
            return;
        }

        var header = new MessageHeader
        {
            Format = FlowProtocol.Ipfix,
            ExportedMs = ReadUInt32BigEndian(datagram[4..]) * 1000L,
            Sequence = ReadUInt32BigEndian(datagram[8..]),
            Domain = ReadUInt32BigEndian(datagram[12..]),
            ReceivedMs = receivedMs,
        };
        int length = ReadUInt16BigEndian(datagram[2..]);
        if (length < IpfixHeaderLength || length > datagram.Length)
        {
            exporter.Count(DecodeError.MessageLengthWrong);
            length = datagram.Length;
        }

        if (Enter(in header, exporter) is { } domain)
        {
            var records = DecodeSets(datagram, IpfixHeaderLength, length, exporter, domain, ref header, ref handler);
            exporter.NoteSequence(domain, in header, (uint)Math.Max(0, records));
            if (records < 0)
            {
                domain.Sequence.Forget();
            }
        }
    }

    private static FlowDomain? Enter(in MessageHeader header, ExporterContext exporter)
    {
        exporter.LastFormat = header.Format;
        exporter.ClockSkewMs = header.ReceivedMs - header.ExportedMs;
        var domain = exporter.Domain(new DomainKey(header.Format, header.Domain), header.ReceivedMs);
        if (domain is not null && domain.Restart.Note(in header))
        {
            exporter.ForgetTemplates(domain);
        }

        return domain;
    }

    // Returns the number of data records, which is what the sequence numbers of IPFIX count, and of some NetFlow v9; -1 when some could not be counted. Sets begin before `stop`; the last
    // one may run on to the end of the datagram, because some exporters state a message length that is a little short.
    private static int DecodeSets<THandler>(
        ReadOnlySpan<byte> message,
        int position,
        int stop,
        ExporterContext exporter,
        FlowDomain domain,
        ref MessageHeader header,
        ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        var (records, areAllCounted) = (0, true);
        while (stop - position >= SetHeaderLength)
        {
            var setId = ReadUInt16BigEndian(message[position..]);
            int length = ReadUInt16BigEndian(message[(position + 2)..]);
            if (length < SetHeaderLength)
            {
                // Zero bytes after the last set are padding of the whole message, seen from several exporters.
                if (setId != 0 || length != 0)
                {
                    exporter.Count(DecodeError.SetTooShort);
                    return -1;
                }

                break;
            }

            var end = position + length;
            if (end > message.Length)
            {
                exporter.Count(DecodeError.SetBeyondDatagram);
                areAllCounted = false;
                end = message.Length;
            }

            var content = position + SetHeaderLength;
            if (setId >= FirstTemplateId)
            {
                var read = DecodeData(setId, message[..end], content, exporter, domain, in header, ref handler);
                areAllCounted &= read >= 0;
                records += Math.Max(0, read);
            }
            else if (IsTemplateSet(header.Format, setId, out var isOptions))
            {
                TemplateSets.Read(message[content..end], setId, isOptions, exporter, domain, in header, ref handler);
            }
            else
            {
                exporter.Count(DecodeError.SetIdReserved);
            }

            position = end;
        }

        if (message[position..].ContainsAnyExcept((byte)0))
        {
            exporter.Count(DecodeError.TrailingBytes);
        }

        return areAllCounted ? records : -1;
    }

    private static bool IsTemplateSet(FlowProtocol format, ushort setId, out bool isOptions)
    {
        isOptions = setId is 1 or 3;
        return format == FlowProtocol.NetFlow9 ? setId <= 1 : setId is 2 or 3;
    }

    // The number of records; -1 when it is not known.
    private static int DecodeData<THandler>(
        ushort setId,
        ReadOnlySpan<byte> message,
        int content,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header,
        ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (domain.Template(setId) is { } template)
        {
            template.UsedMs = header.ReceivedMs;
            return TemplateRecords.Decode(template, message, content, exporter, domain, in header, ref handler);
        }

        if (message.Length > content)
        {
            exporter.Wait(in header, domain, setId, message[content..]);
        }

        return -1;
    }
}
