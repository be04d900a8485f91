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

        switch (ProtocolOf(datagram))
        {
            case FlowProtocol.NetFlow5:
                NetFlow5.Decode(datagram, exporter, receivedMs, ref handler);
                break;
            case FlowProtocol.NetFlow9:
                TemplateFlows.DecodeNetFlow9(datagram, exporter, receivedMs, ref handler);
                break;
            case FlowProtocol.Ipfix:
                TemplateFlows.DecodeIpfix(datagram, exporter, receivedMs, ref handler);
                break;
            case FlowProtocol.Sflow5:
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

    /// <summary>The protocol that the datagram claims to be; null: none that we read.</summary>
    public static FlowProtocol? ProtocolOf(ReadOnlySpan<byte> datagram) => datagram.Length < 4 ? null : BinaryPrimitives.ReadUInt16BigEndian(datagram) switch
    {
        5 => FlowProtocol.NetFlow5,
        9 => FlowProtocol.NetFlow9,
        10 => FlowProtocol.Ipfix,
        0 when BinaryPrimitives.ReadUInt32BigEndian(datagram) == 5 => FlowProtocol.Sflow5,
        _ => null,
    };
}
