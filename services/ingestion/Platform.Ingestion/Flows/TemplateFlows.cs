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
            exporter.SequenceGaps += domain.Advance(header.Sequence, 1);
            DecodeSets(datagram, NetFlow9HeaderLength, datagram.Length, exporter, domain, ref header, ref handler);
        }
    }

    public static void DecodeIpfix<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
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
            exporter.SequenceGaps += domain.Advance(header.Sequence, (uint)records);
        }
    }

    private static FlowDomain? Enter(in MessageHeader header, ExporterContext exporter)
    {
        exporter.LastFormat = header.Format;
        exporter.ClockSkewMs = header.ReceivedMs - header.ExportedMs;
        return exporter.Domain(header.Format, header.Domain);
    }

    // Returns the number of data records, which is what IPFIX sequence numbers count. Sets begin before `stop`; the last one may run on to the
    // end of the datagram, because some exporters state a message length that is a little short.
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
        var records = 0;
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
                }

                break;
            }

            var end = position + length;
            if (end > message.Length)
            {
                exporter.Count(DecodeError.SetBeyondDatagram);
                end = message.Length;
            }

            var content = position + SetHeaderLength;
            if (setId >= FirstTemplateId)
            {
                records += DecodeData(setId, message[..end], content, exporter, domain, in header, ref handler);
            }
            else if (IsTemplateSet(header.Format, setId, out var isOptions))
            {
                ReadTemplates(message[content..end], setId, isOptions, exporter, domain, in header, ref handler);
            }
            else
            {
                exporter.Count(DecodeError.SetIdReserved);
            }

            position = end;
        }

        return records;
    }

    private static bool IsTemplateSet(FlowProtocol format, ushort setId, out bool isOptions)
    {
        isOptions = setId is 1 or 3;
        return format == FlowProtocol.NetFlow9 ? setId <= 1 : setId is 2 or 3;
    }

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

        return 0;
    }

    private static void ReadTemplates<THandler>(
        ReadOnlySpan<byte> set,
        ushort setId,
        bool isOptions,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header,
        ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        while (set.Length >= 4)
        {
            var id = ReadUInt16BigEndian(set);
            if (id < FirstTemplateId)
            {
                if (header.Format == FlowProtocol.Ipfix && id == setId && ReadUInt16BigEndian(set[2..]) == 0)
                {
                    WithdrawAll(domain, isOptions, exporter); // RFC 7011 section 8.1: the set's own id withdraws all of its kind
                    set = set[4..];
                    continue;
                }

                if (id != 0)
                {
                    exporter.Count(DecodeError.TemplateIdReserved);
                }

                return; // id 0: padding to the end of the set
            }

            if (!TryReadTemplate(ref set, id, isOptions, exporter, domain, header.Format, out var template))
            {
                return;
            }

            if (template is null)
            {
                continue;
            }

            exporter.TemplatesRead++;
            exporter.OptionsTemplatesRead += isOptions ? 1 : 0;
            if (exporter.Keep(domain, template, header.ReceivedMs) && domain.HasWaiting)
            {
                foreach (var waiting in exporter.TakeWaiting(domain, id, header.ReceivedMs))
                {
                    TemplateRecords.Decode(
                        template, waiting.Bytes, WaitingSet.Lead, exporter, domain, waiting.Header, ref handler);
                }
            }
        }
    }

    // False: the rest of the set cannot be walked. True without a template: this one is refused or withdrawn, the next may be good.
    private static bool TryReadTemplate(
        ref ReadOnlySpan<byte> set,
        ushort id,
        bool isOptions,
        ExporterContext exporter,
        FlowDomain domain,
        FlowProtocol format,
        out FlowTemplate? template)
    {
        template = null;
        var isNetFlow9 = format == FlowProtocol.NetFlow9;
        int count = ReadUInt16BigEndian(set[2..]);
        var scopeCount = 0;
        var body = set[4..];
        if (!isNetFlow9 && count == 0)
        {
            set = body;
            Withdraw(domain, id, exporter);
            return true;
        }

        if (isOptions)
        {
            if (set.Length < 6)
            {
                return false; // four or five bytes of padding
            }

            int second = ReadUInt16BigEndian(set[4..]);
            body = set[6..];
            if (isNetFlow9)
            {
                // Both words are lengths in bytes: of the scope fields, of the option fields.
                if ((count | second) % 4 != 0)
                {
                    exporter.Count(DecodeError.TemplateScopeWrong);
                    return false;
                }

                scopeCount = count / 4;
                count = scopeCount + second / 4;
            }
            else
            {
                scopeCount = second;
                if (scopeCount > count)
                {
                    exporter.Count(DecodeError.TemplateScopeWrong);
                    return false;
                }
            }
        }

        if (count > exporter.Limits.FieldsPerTemplate)
        {
            exporter.Count(DecodeError.TemplateTooLarge);
            return false;
        }

        if (!TryReadFields(ref body, count, isNetFlow9 ? scopeCount : 0, isNetFlow9, out var fields))
        {
            exporter.Count(DecodeError.TemplateTruncated);
            return false;
        }

        set = body;
        var read = new FlowTemplate(id, fields, scopeCount, isOptions);
        if (read.MinimumLength is 0 or > 65_535)
        {
            exporter.Count(read.MinimumLength == 0 ? DecodeError.TemplateEmpty : DecodeError.TemplateTooLarge);
            return true;
        }

        template = read;
        return true;
    }

    private static bool TryReadFields(
        ref ReadOnlySpan<byte> body, int count, int scopesOfNetFlow9, bool isNetFlow9, out TemplateField[] fields)
    {
        fields = [];
        if (count * 4 > body.Length)
        {
            return false; // before anything is allocated for what is not there
        }

        fields = new TemplateField[count];
        for (var i = 0; i < count; i++)
        {
            if (body.Length < 4)
            {
                return false;
            }

            var element = ReadUInt16BigEndian(body);
            var length = ReadUInt16BigEndian(body[2..]);
            var pen = 0u;
            body = body[4..];
            if (!isNetFlow9 && (element & 0x8000) != 0)
            {
                if (body.Length < 4)
                {
                    return false;
                }

                pen = ReadUInt32BigEndian(body);
                element &= 0x7FFF;
                body = body[4..];
            }

            fields[i] = new TemplateField(pen, element, length, IsV9Scope: i < scopesOfNetFlow9);
        }

        return true;
    }

    private static void Withdraw(FlowDomain domain, ushort id, ExporterContext exporter)
    {
        if (domain.Templates.TryGetValue(id, out var known))
        {
            exporter.Forget(domain, known);
        }
        else
        {
            exporter.Count(DecodeError.WithdrawalOfUnknownTemplate);
        }
    }

    private static void WithdrawAll(FlowDomain domain, bool isOptions, ExporterContext exporter)
    {
        foreach (var template in domain.Templates.Values.Where(template => template.IsOptions == isOptions).ToList())
        {
            exporter.Forget(domain, template);
        }
    }
}
