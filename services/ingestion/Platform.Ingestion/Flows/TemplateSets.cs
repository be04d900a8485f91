using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>Template sets and options template sets of NetFlow v9 (RFC 3954 sections 5.2, 6.1) and IPFIX (RFC 7011 sections 3.4, 8.1).</summary>
internal static class TemplateSets
{
    private const ushort FirstTemplateId = 256;

    public static void Read<THandler>(
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
                    exporter.WithdrawAll(domain, isOptions); // RFC 7011 section 8.1: the set's own id withdraws all of its kind
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
            if (exporter.Keep(domain, template, header.ReceivedMs))
            {
                DecodeWaiting(template, exporter, domain, header.ReceivedMs, ref handler);
            }
        }

        if (set.ContainsAnyExcept((byte)0))
        {
            exporter.Count(DecodeError.TrailingBytes);
        }
    }

    private static void DecodeWaiting<THandler>(FlowTemplate template, ExporterContext exporter, FlowDomain domain, long nowMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        foreach (var waiting in exporter.TakeWaiting(domain, template.Id, nowMs))
        {
            var header = waiting.Header;
            header.WaitedMs = Math.Max(0, nowMs - header.ReceivedMs);
            TemplateRecords.Decode(template, waiting.Bytes, WaitingSet.Lead, exporter, domain, in header, ref handler);
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
            exporter.Withdraw(domain, id);
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
                // Both words are lengths in bytes: of the scope fields, of the option fields. pmacct's nfprobe said 9 for two option fields until 2021.
                if (count % 4 != 0)
                {
                    exporter.Refuse(DecodeError.TemplateScopeWrong, domain, id);
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
                    exporter.Refuse(DecodeError.TemplateScopeWrong, domain, id);
                    return false;
                }
            }
        }

        if (count > exporter.Limits.FieldsPerTemplate)
        {
            exporter.Refuse(DecodeError.TemplateTooLarge, domain, id);
            return false;
        }

        if (!TryReadFields(ref body, count, isNetFlow9 ? scopeCount : 0, isNetFlow9, out var fields))
        {
            exporter.Refuse(DecodeError.TemplateTruncated, domain, id);
            return false;
        }

        set = body;
        if (Array.Exists(fields, field => field.Length == 0))
        {
            // A field of no bytes says nothing, and a thousand of them would be walked for each record.
            scopeCount = fields.Take(scopeCount).Count(field => field.Length > 0);
            fields = Array.FindAll(fields, field => field.Length > 0);
        }

        var read = new FlowTemplate(id, fields, scopeCount, isOptions, knowsUptime: isNetFlow9);
        if (read.MinimumLength is 0 or > 65_535)
        {
            exporter.Refuse(read.MinimumLength == 0 ? DecodeError.TemplateEmpty : DecodeError.TemplateTooLarge, domain, id);
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
}
