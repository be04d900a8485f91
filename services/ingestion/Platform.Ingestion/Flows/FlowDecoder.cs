using System.Buffers.Binary;

namespace Platform.Ingestion.Flows;

/// <summary>Decodes one datagram of whatever protocol. Nothing that a datagram holds makes it throw, stall or remember without bound.</summary>
internal static class FlowDecoder
{
    public static void Decode<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        exporter.Datagrams++;
        if (datagram.Length < 4)
        {
            exporter.Count(DecodeError.HeaderTruncated);
            return;
        }

        switch (BinaryPrimitives.ReadUInt16BigEndian(datagram))
        {
            case 5:
                NetFlow5.Decode(datagram, exporter, receivedMs, ref handler);
                break;
            case 9:
                TemplateFlows.DecodeNetFlow9(datagram, exporter, receivedMs, ref handler);
                break;
            case 10:
                TemplateFlows.DecodeIpfix(datagram, exporter, receivedMs, ref handler);
                break;
            case 0 when BinaryPrimitives.ReadUInt32BigEndian(datagram) == 5:
                Sflow5.Decode(datagram, exporter, receivedMs, ref handler);
                break;
            default:
                exporter.Count(DecodeError.UnknownVersion);
                return;
        }

        if (exporter.Expected is { } expected && exporter.LastFormat != expected)
        {
            exporter.Count(DecodeError.ProtocolUnexpected);
        }
    }
}
