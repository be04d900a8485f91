using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>NetFlow version 5: a header of 24 bytes and up to 30 records of 48 bytes, IPv4 only.</summary>
internal static class NetFlow5
{
    private const int HeaderLength = 24;
    private const int RecordLength = 48;

    /// <summary>The fixed layout, said as a template: read and printed like any other.</summary>
    public static readonly FlowTemplate Template = new(
        0,
        [
            new(0, 8, 4), new(0, 12, 4), new(0, 15, 4), new(0, 10, 2), new(0, 14, 2), new(0, 2, 4), new(0, 1, 4), new(0, 22, 4), new(0, 21, 4),
            new(0, 7, 2), new(0, 11, 2), new(0, 210, 1), new(0, 6, 1), new(0, 4, 1), new(0, 5, 1), new(0, 16, 2), new(0, 17, 2),
            new(0, 9, 1), new(0, 13, 1), new(0, 210, 2),
        ],
        scopeCount: 0,
        isOptions: false);

    public static void Decode<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (datagram.Length < HeaderLength)
        {
            exporter.Count(DecodeError.HeaderTruncated);
            return;
        }

        // The upper two bits of the sampling word are the mode. Some exporters leave the mode 0 and still sample: an interval is an interval.
        var interval = ReadUInt16BigEndian(datagram[22..]) & 0x3FFFu;
        var header = new MessageHeader
        {
            Format = FlowProtocol.NetFlow5,
            UptimeMs = ReadUInt32BigEndian(datagram[4..]),
            ExportedMs = ReadUInt32BigEndian(datagram[8..]) * 1000L + ReadUInt32BigEndian(datagram[12..]) / 1_000_000,
            Sequence = ReadUInt32BigEndian(datagram[16..]),
            Domain = ReadUInt16BigEndian(datagram[20..]),
            HeaderSampling = interval,
            ReceivedMs = receivedMs,
        };
        exporter.LastFormat = FlowProtocol.NetFlow5;
        exporter.ClockSkewMs = receivedMs - header.ExportedMs;

        int count = ReadUInt16BigEndian(datagram[2..]);
        var promised = (uint)count;
        var whole = (datagram.Length - HeaderLength) / RecordLength;
        if (count > whole)
        {
            exporter.Count(DecodeError.CountBeyondDatagram);
            count = whole;
        }

        var records = datagram[..(HeaderLength + count * RecordLength)];
        if (datagram[records.Length..].ContainsAnyExcept((byte)0))
        {
            exporter.Count(DecodeError.TrailingBytes);
        }

        if (exporter.Domain(new DomainKey(FlowProtocol.NetFlow5, header.Domain), receivedMs) is { } domain)
        {
            exporter.NoteSequence(domain, in header, promised);
            TemplateRecords.Decode(Template, records, HeaderLength, exporter, domain, in header, ref handler);
        }
    }
}
