using System.Runtime.CompilerServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Platform.Ingestion.Flows;

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
    private const uint MostIpLength = 65_575; // of IPv6, whose length leaves its header out

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
        if (!SflowRecords.TryReadAddress(ref rest, out header.Agent) || rest.Length < 16)
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
        var domain = exporter.Domain(new DomainKey(FlowProtocol.Sflow5, header.Domain, header.Agent), receivedMs);
        if (domain is not null)
        {
            exporter.NoteSequence(domain, in header, 1);
        }

        FlowRecord flow = default;
        flow.Format = FlowProtocol.Sflow5;
        flow.NowMs = receivedMs;
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
            rest = rest[Math.Min(SflowRecords.WithPadding((int)length), rest.Length)..];
            switch (kind)
            {
                case FlowSampleKind when !THandler.WantsFields && SflowPlainSample.TryRead(sample, ref flow):
                    exporter.Records++;
                    NoteDrops(exporter, domain, ReadUInt32BigEndian(sample[4..]), ReadUInt32BigEndian(sample[16..]));
                    Give(ref flow, exporter, ref handler);
                    break;
                case FlowSampleKind or ExpandedFlowSampleKind:
                    DecodeFlowSample(sample, kind == ExpandedFlowSampleKind, exporter, domain, in header, ref handler);
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

        if (rest.ContainsAnyExcept((byte)0))
        {
            exporter.Count(DecodeError.TrailingBytes);
        }
    }

    private static void DecodeFlowSample<THandler>(
        ReadOnlySpan<byte> bytes, bool isExpanded, ExporterContext exporter, FlowDomain? domain, in MessageHeader header, ref THandler handler)
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
            sample.Input = new(ReadUInt32BigEndian(bytes[12..]), ReadUInt32BigEndian(bytes[16..]));
            sample.Output = new(ReadUInt32BigEndian(bytes[20..]), ReadUInt32BigEndian(bytes[24..]));
            records = ReadUInt32BigEndian(bytes[28..]);
        }
        else
        {
            var source = ReadUInt32BigEndian(bytes[4..]);
            sample.SourceIdType = source >> 24;
            sample.SourceIdIndex = source & 0xFF_FFFF;
            bytes = bytes[8..];
            sample.Input = SflowInterface.Compact(ReadUInt32BigEndian(bytes[12..]));
            sample.Output = SflowInterface.Compact(ReadUInt32BigEndian(bytes[16..]));
            records = ReadUInt32BigEndian(bytes[20..]);
        }

        sample.SamplingRate = ReadUInt32BigEndian(bytes);
        sample.SamplePool = ReadUInt32BigEndian(bytes[4..]);
        sample.Drops = ReadUInt32BigEndian(bytes[8..]);
        NoteDrops(exporter, domain, sample.SourceIdType << 24 ^ sample.SourceIdIndex, sample.Drops);
        ReadOnlySpan<byte> packet = default;
        SflowRecords.Read(bytes[(isExpanded ? 32 : 24)..], records, exporter, ref sample, ref packet);
        exporter.Records++;
        if (!sample.HasIp)
        {
            exporter.Count(DecodeError.PacketWithoutIp);
        }

        FlowRecord flow = default;
        sample.Packet.CopyTo(ref flow);
        flow.Format = FlowProtocol.Sflow5;
        flow.NowMs = header.ExportedMs;
        flow.StartMs = header.ExportedMs;
        flow.EndMs = header.ExportedMs;
        flow.Flows = 1;
        flow.Packets = 1;
        flow.Bytes = LengthOf(in sample, packet.Length, exporter);
        flow.InInterface = sample.Input.Index;
        flow.OutInterface = sample.Output.Index;
        flow.SourceAsn = sample.SourceAsn;
        flow.DestinationAsn = sample.DestinationAsn;
        flow.SamplingRate = sample.SamplingRate;
        flow.IsOfNobody = !sample.HasIp;
        if (sample.HasIp || THandler.WantsFields)
        {
            Give(ref flow, exporter, ref handler);
        }

        if (THandler.WantsFields)
        {
            handler.Sample(in header, in sample, packet);
        }
    }

    // Juniper firmware told 132 of frames of 1,500 bytes; others were seen to tell nonsense. A frame is no shorter than the packet in it and what is before that.
    private static ulong LengthOf(in FlowSample sample, int sampled, ExporterContext exporter)
    {
        if (sample.Packet.SampledIpLength == 0)
        {
            return sample.FrameLength;
        }

        var before = (uint)(sampled - sample.Packet.SampledIpLength);
        var least = sample.Packet.IpLength + before;
        if (sample.FrameLength >= least && sample.FrameLength <= MostIpLength + before)
        {
            return sample.FrameLength;
        }

        exporter.Count(DecodeError.FrameLengthImpossible);
        return least;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NoteDrops(ExporterContext exporter, FlowDomain? domain, uint source, uint drops)
    {
        if (domain is not null)
        {
            exporter.NoteDrops(domain, source, drops);
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
        sample.Input = new(0, ReadUInt32BigEndian(bytes[16..]));
        sample.Output = new(0, ReadUInt32BigEndian(bytes[20..]));
        sample.DropReason = ReadUInt32BigEndian(bytes[24..]);
        ReadOnlySpan<byte> packet = default;
        SflowRecords.Read(bytes[32..], ReadUInt32BigEndian(bytes[28..]), exporter, ref sample, ref packet);
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
}
