using System.Runtime.CompilerServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

/// <summary>One sFlow flow sample: a packet that was picked, and what the agent said about it.</summary>
internal struct FlowSample
{
    public uint Sequence;
    public uint SourceIdType;
    public uint SourceIdIndex;
    public uint SamplingRate;
    public uint SamplePool;
    public uint Drops;

    /// <summary>Interface indexes; the special forms (discarded, several destinations) as sent.</summary>
    public uint Input;
    public uint Output;
    public uint FrameLength;
    public uint Stripped;

    /// <summary>sFlow header protocol: 1 Ethernet, 11 IPv4, 12 IPv6, 13 MPLS.</summary>
    public uint HeaderProtocol;
    public PacketHeader Packet;
    public bool HasIp;
    public bool HasSwitch;
    public uint SourceVlan;
    public uint DestinationVlan;
    public bool HasRouter;
    public HostAddress NextHop;
    public uint SourcePrefixLength;
    public uint DestinationPrefixLength;
    public bool HasGateway;
    public HostAddress BgpNextHop;
    public uint SourceAsn;
    public uint SourcePeerAsn;
    public uint DestinationAsn;
    public uint DestinationPeerAsn;

    /// <summary>The packet was not forwarded, and this is no sample but a notice of it: why (sFlow Discarded Packet Notifications, enum drop_reason).</summary>
    public bool IsDiscarded;
    public uint DropReason;
}

/// <summary>
/// sFlow version 5 (sflow.org, July 2004): flow samples and expanded flow samples become flows of one packet; counter samples are counted, and so are notices of
/// discarded packets (sFlow Discarded Packet Notifications, November 2020): what they tell of was traffic and is in the flow samples.
/// </summary>
internal static class Sflow5
{
    private const uint FlowSampleKind = 1;
    private const uint CounterSampleKind = 2;
    private const uint ExpandedFlowSampleKind = 3;
    private const uint ExpandedCounterSampleKind = 4;
    private const uint DiscardedPacketKind = 5;

    public static void Decode<THandler>(
        ReadOnlySpan<byte> datagram, ExporterContext exporter, long receivedMs, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (datagram.Length < 28)
        {
            exporter.Count(DecodeError.HeaderTruncated);
            return;
        }

        var header = new MessageHeader { Format = FlowProtocol.Sflow5, ExportedMs = receivedMs, ReceivedMs = receivedMs };
        var rest = datagram[4..];
        if (!TryReadAddress(ref rest, out header.Agent) || rest.Length < 16)
        {
            exporter.Count(DecodeError.AgentAddressUnknown);
            return;
        }

        header.Domain = ReadUInt32BigEndian(rest);
        header.Sequence = ReadUInt32BigEndian(rest[4..]);
        header.UptimeMs = ReadUInt32BigEndian(rest[8..]);
        var samples = ReadUInt32BigEndian(rest[12..]);
        rest = rest[16..];
        exporter.LastFormat = FlowProtocol.Sflow5;
        if (exporter.Domain(FlowProtocol.Sflow5, header.Domain) is { } domain)
        {
            exporter.SequenceGaps += domain.Advance(header.Sequence, 1);
        }

        FlowRecord flow = default;
        flow.Format = FlowProtocol.Sflow5;
        flow.ExportedMs = receivedMs;
        flow.StartMs = receivedMs;
        flow.EndMs = receivedMs;
        flow.Flows = 1;
        flow.Packets = 1;
        flow.Knows = FlowKnowledge.All;

        // The count cannot make this long: every round takes at least eight bytes.
        for (; samples > 0; samples--)
        {
            if (rest.Length < 8)
            {
                exporter.Count(DecodeError.SampleBeyondDatagram);
                return;
            }

            var kind = ReadUInt32BigEndian(rest);
            var length = ReadUInt32BigEndian(rest[4..]);
            rest = rest[8..];
            if (length > rest.Length)
            {
                exporter.Count(DecodeError.SampleBeyondDatagram);
                length = (uint)rest.Length;
            }

            var sample = rest[..(int)length];
            rest = rest[(int)length..];
            switch (kind)
            {
                case FlowSampleKind when !THandler.WantsFields && SflowPlainSample.TryRead(sample, ref flow):
                    exporter.Records++;
                    Give(ref flow, exporter, ref handler);
                    break;
                case FlowSampleKind or ExpandedFlowSampleKind:
                    DecodeFlowSample(sample, kind == ExpandedFlowSampleKind, exporter, in header, ref handler);
                    break;
                case DiscardedPacketKind:
                    DecodeDiscardedPacket(sample, exporter, in header, ref handler);
                    break;
                case CounterSampleKind or ExpandedCounterSampleKind:
                    exporter.CounterSamples++;
                    break;
                default:
                    exporter.Count(DecodeError.SampleKindUnknown);
                    break;
            }
        }
    }

    private static void DecodeFlowSample<THandler>(
        ReadOnlySpan<byte> bytes, bool isExpanded, ExporterContext exporter, in MessageHeader header, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (bytes.Length < (isExpanded ? 44 : 32))
        {
            exporter.Count(DecodeError.SampleBeyondDatagram);
            return;
        }

        FlowSample sample = default;
        sample.Sequence = ReadUInt32BigEndian(bytes);
        uint records;
        if (isExpanded)
        {
            sample.SourceIdType = ReadUInt32BigEndian(bytes[4..]);
            sample.SourceIdIndex = ReadUInt32BigEndian(bytes[8..]);
            bytes = bytes[12..];
            sample.Input = ReadUInt32BigEndian(bytes[16..]);
            sample.Output = ReadUInt32BigEndian(bytes[24..]);
            records = ReadUInt32BigEndian(bytes[28..]);
        }
        else
        {
            var source = ReadUInt32BigEndian(bytes[4..]);
            sample.SourceIdType = source >> 24;
            sample.SourceIdIndex = source & 0xFF_FFFF;
            bytes = bytes[8..];
            sample.Input = ReadUInt32BigEndian(bytes[12..]);
            sample.Output = ReadUInt32BigEndian(bytes[16..]);
            records = ReadUInt32BigEndian(bytes[20..]);
        }

        sample.SamplingRate = ReadUInt32BigEndian(bytes);
        sample.SamplePool = ReadUInt32BigEndian(bytes[4..]);
        sample.Drops = ReadUInt32BigEndian(bytes[8..]);
        ReadOnlySpan<byte> packet = default;
        ReadRecords(bytes[(isExpanded ? 32 : 24)..], records, exporter, ref sample, ref packet);
        exporter.Records++;
        if (!sample.HasIp)
        {
            exporter.Count(DecodeError.PacketWithoutIp);
        }

        FlowRecord flow = default;
        sample.Packet.CopyTo(ref flow);
        flow.Format = FlowProtocol.Sflow5;
        flow.ExportedMs = header.ExportedMs;
        flow.StartMs = header.ExportedMs;
        flow.EndMs = header.ExportedMs;
        flow.Flows = 1;
        flow.Packets = 1;
        flow.Bytes = sample.FrameLength;
        flow.InInterface = sample.Input;
        flow.OutInterface = sample.Output;
        flow.SourceAsn = sample.SourceAsn;
        flow.DestinationAsn = sample.DestinationAsn;
        flow.SamplingRate = sample.SamplingRate;
        Give(ref flow, exporter, ref handler);
        if (THandler.WantsFields)
        {
            handler.Sample(in header, in sample, packet);
        }
    }

    private static void DecodeDiscardedPacket<THandler>(
        ReadOnlySpan<byte> bytes, ExporterContext exporter, in MessageHeader header, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        if (bytes.Length < 32)
        {
            exporter.Count(DecodeError.SampleBeyondDatagram);
            return;
        }

        exporter.DiscardedPackets++;
        FlowSample sample = default;
        sample.IsDiscarded = true;
        sample.Sequence = ReadUInt32BigEndian(bytes);
        sample.SourceIdType = ReadUInt32BigEndian(bytes[4..]);
        sample.SourceIdIndex = ReadUInt32BigEndian(bytes[8..]);
        sample.Drops = ReadUInt32BigEndian(bytes[12..]);
        sample.Input = ReadUInt32BigEndian(bytes[16..]);
        sample.Output = ReadUInt32BigEndian(bytes[20..]);
        sample.DropReason = ReadUInt32BigEndian(bytes[24..]);
        ReadOnlySpan<byte> packet = default;
        ReadRecords(bytes[32..], ReadUInt32BigEndian(bytes[28..]), exporter, ref sample, ref packet);
        if (THandler.WantsFields)
        {
            handler.Sample(in header, in sample, packet);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Give<THandler>(ref FlowRecord flow, ExporterContext exporter, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        (flow.SamplingRate, flow.SamplingSource) = exporter.SamplingOverride != 0
            ? (exporter.SamplingOverride, SamplingSource.Setting)
            : (Math.Max(1, flow.SamplingRate), SamplingSource.Record);
        exporter.LastRate = flow.SamplingRate;
        exporter.LastRateSource = flow.SamplingSource;
        handler.Flow(in flow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadRecords(
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
            bytes = bytes[(8 + length)..];
        }
    }

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
            case 3 when record.Length >= 32 && !sample.HasIp:
                ReadSampledIp(record, addressLength: 4, ref sample);
                break;
            case 4 when record.Length >= 56 && !sample.HasIp:
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

    private static bool TryReadAddress(ref ReadOnlySpan<byte> bytes, out HostAddress address)
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
