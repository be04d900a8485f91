using System.Runtime.CompilerServices;

namespace Platform.Ingestion.Flows;

/// <summary>The data records of NetFlow v5, v9 and IPFIX: from bytes and a compiled template to <see cref="FlowRecord"/>. The hot path.</summary>
internal static class TemplateRecords
{
    /// <summary>How often a firewall tells of a connection that goes on, unless it is set otherwise.</summary>
    private const long BetweenUpdatesMs = 60_000;

    /// <summary>Decodes all records of one set.</summary>
    /// <param name="message">Ends with the set. At least eight bytes lie before <paramref name="start"/>.</param>
    /// <param name="start">First byte after the header of the set.</param>
    /// <returns>Number of records; -1 when it is not known.</returns>
    public static int Decode<THandler>(
        FlowTemplate template,
        ReadOnlySpan<byte> message,
        int start,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header,
        ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(start, WaitingSet.Lead);
        var (count, isWhole) = (0, true);
        FlowRecord flow = default;
        flow.Format = header.Format;
        flow.NowMs = header.ExportedMs + header.WaitedMs;
        flow.Flows = 1;
        flow.Knows = template.Knows;
        flow.TimeoutMs = template.HasDeltas ? exporter.ActiveTimeoutMs : 0;
        flow.IsOfNobody = !template.HasAddress && !template.HasPacketSection;
        var rateIsFixed = exporter.SamplingOverride != 0
            || !(template.HasRate || template.HasSampler || exporter.Rates.HasInterfaces);
        (flow.SamplingRate, flow.SamplingSource) = RecordRates.OfSet(template, exporter, domain, in header);
        var clock = ExporterClock.Of(in header, domain.SystemStartMs != 0 ? domain.SystemStartMs : exporter.SystemStartMs);

        Span<FieldSlot> placed = template.HasVariableLength ? stackalloc FieldSlot[FlowTemplate.SlotCount] : template.Slots;
        var length = template.MinimumLength;
        var position = start;
        for (; message.Length - position >= template.MinimumLength; position += length)
        {
            if (template.HasVariableLength)
            {
                placed.Clear();
                if (!template.Place(message[position..], message.Length - position, placed, out length))
                {
                    exporter.Count(DecodeError.RecordBeyondSet);
                    isWhole = false;
                    break;
                }
            }

            count++;
            var reader = new RecordReader(message, position, placed);
            if (template.IsOptions)
            {
                RecordRates.ReadOptions(template, in reader, exporter, domain);
            }
            else
            {
                ReadFlow(template, in reader, ref flow);
                clock.Set(ref flow, template, reader[Slot.Start], reader[Slot.End]);
                if (!rateIsFixed)
                {
                    (flow.SamplingRate, flow.SamplingSource) = RecordRates.OfRecord(
                        template, in reader, in flow, exporter, domain, in header);
                }

                var isToldBefore = false;
                if (template.NeedsMore)
                {
                    ReadMore(template, in reader, in header, ref flow);
                    if (template.HasPacketSection)
                    {
                        flow.IsOfNobody = !TryReadPacketSection(template, message.Slice(position, length), reader[Slot.FrameBytes], ref flow);
                        exporter.Count(DecodeError.PacketWithoutIp, flow.IsOfNobody ? 1 : 0);
                    }

                    isToldBefore = template.HasFirewallEvents && ReadFirewallEvent(reader[Slot.FirewallEvent], exporter, ref flow);
                }

                if (!flow.IsOfNobody || THandler.WantsFields)
                {
                    handler.Flow(in flow);
                    if (template.HasReverse)
                    {
                        GiveReverse(template, in reader, flow, isToldBefore, ref handler);
                    }
                }
            }

            if (THandler.WantsFields)
            {
                handler.Record(in header, template, message.Slice(position, length));
            }
        }

        if (isWhole && position < message.Length && message[position..].ContainsAnyExcept((byte)0))
        {
            exporter.Count(DecodeError.TrailingBytes);
        }

        if (template.IsOptions)
        {
            exporter.OptionsRecords += count;
        }
        else
        {
            exporter.Records += count;
            if (!template.HasAddress && !template.HasPacketSection)
            {
                exporter.Count(DecodeError.RecordWithoutAddress, count);
            }
            else if (!template.HasAmount)
            {
                exporter.Count(DecodeError.RecordWithoutAmount, count);
            }

            exporter.LastRate = flow.SamplingRate;
            exporter.LastRateSource = flow.SamplingSource;
        }

        return isWhole ? count : -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadFlow(FlowTemplate template, in RecordReader reader, ref FlowRecord flow)
    {
        flow.Source = HostAddress.FromV4((uint)reader[Slot.SourceV4]);
        flow.Destination = HostAddress.FromV4((uint)reader[Slot.DestinationV4]);
        flow.SourcePort = (ushort)reader[Slot.SourcePort];
        flow.DestinationPort = (ushort)reader[Slot.DestinationPort];
        flow.Protocol = (byte)reader[Slot.Protocol];
        flow.TcpFlags = (byte)reader[Slot.TcpFlags];
        flow.Bytes = reader[Slot.Bytes];
        flow.Packets = reader[Slot.Packets];
        flow.InInterface = (uint)reader[Slot.InInterface];
        flow.OutInterface = (uint)reader[Slot.OutInterface];
        flow.SourceAsn = (uint)reader[Slot.SourceAsn];
        flow.DestinationAsn = (uint)reader[Slot.DestinationAsn];
    }

    private static void ReadMore(
        FlowTemplate template,
        in RecordReader reader,
        in MessageHeader header,
        ref FlowRecord flow)
    {
        if (template.HasV6)
        {
            ReadV6(template, in reader, ref flow);
        }

        if (template.HasFlows)
        {
            flow.Flows = (uint)Math.Clamp(reader[Slot.Flows], 1UL, uint.MaxValue);
        }

        flow.IsFragment = template.HasFragmentOffset && reader[Slot.FragmentOffset] != 0;
        if (template.HasSystemStart && (long)reader[Slot.SystemStart] is > 0 and var startedMs)
        {
            ExporterClock.OfRecord(in header, startedMs).Set(ref flow, template, reader[Slot.Start], reader[Slot.End]);
        }

        if (template.HasDuration)
        {
            var durationMs = (long)Math.Min(reader[Slot.Duration] / (ulong)template.DurationPerMillisecond, uint.MaxValue);
            if (flow.StartMs == 0)
            {
                flow.StartMs = flow.EndMs - durationMs;
            }
            else if (template.EndUnit == TimeUnit.None)
            {
                flow.EndMs = flow.StartMs + durationMs;
            }
        }
    }

    // Cisco ASA tells the same connection when it is made, each minute (what it carried since), and when it ends (what it carried in all). It counts as a flow
    // when it ends or is denied. True: what is told here was told before.
    private static bool ReadFirewallEvent(ulong kind, ExporterContext exporter, ref FlowRecord flow)
    {
        const int Created = 1, Deleted = 2, Updated = 5;
        flow.Flows = kind is Created or Updated ? 0u : 1;
        if (kind == Updated)
        {
            exporter.TellsUpdates = true;
            flow.StartMs = Math.Max(flow.StartMs, flow.EndMs - BetweenUpdatesMs);
            return false;
        }

        if (kind != Deleted || !exporter.TellsUpdates || (flow.StartMs != 0 && flow.EndMs - flow.StartMs < BetweenUpdatesMs)
            || (flow.Bytes | flow.Packets) == 0)
        {
            return false;
        }

        exporter.Count(DecodeError.TotalToldBefore);
        (flow.Bytes, flow.Packets) = (0, 0);
        return true;
    }

    // Some exporters send both families in one template and leave one of them zero.
    private static void ReadV6(FlowTemplate template, in RecordReader reader, ref FlowRecord flow)
    {
        var source = new HostAddress(reader[Slot.SourceV6High], reader[Slot.SourceV6Low]);
        var destination = new HostAddress(reader[Slot.DestinationV6High], reader[Slot.DestinationV6Low]);
        var isV6 = !template.HasV4
            || (template.HasIpVersion && reader[Slot.IpVersion] is var version and (4 or 6)
                ? version == 6
                : source != default || destination != default);
        if (isV6)
        {
            flow.Source = source;
            flow.Destination = destination;
        }
    }

    // Packet sampling over IPFIX (RFC 5476): the record holds the start of the packet instead of flow keys.
    private static bool TryReadPacketSection(
        FlowTemplate template, ReadOnlySpan<byte> record, ulong frameBytes, ref FlowRecord flow)
    {
        flow.Knows = template.Knows;
        if (!template.TryFindPacket(record, out var packet, out var isFrame))
        {
            return false;
        }

        PacketHeader parsed = default;
        if (!(isFrame ? PacketHeader.TryParseEthernet(packet, ref parsed) : PacketHeader.TryParseIp(packet, ref parsed)))
        {
            return false;
        }

        parsed.CopyTo(ref flow);
        flow.Bytes = flow.Bytes != 0 ? flow.Bytes : frameBytes != 0 ? frameBytes : parsed.IpLength;
        flow.Packets = flow.Packets != 0 ? flow.Packets : 1;
        return true;
    }

    private static void GiveReverse<THandler>(
        FlowTemplate template, in RecordReader reader, FlowRecord flow, bool isToldBefore, ref THandler handler)
        where THandler : struct, IFlowHandler
    {
        var bytes = reader[Slot.ReverseBytes];
        var packets = reader[Slot.ReversePackets];
        if (bytes == 0 && packets == 0)
        {
            return;
        }

        (flow.Source, flow.Destination) = (flow.Destination, flow.Source);
        (flow.SourcePort, flow.DestinationPort) = (flow.DestinationPort, flow.SourcePort);
        (flow.SourceAsn, flow.DestinationAsn) = (flow.DestinationAsn, flow.SourceAsn);
        (flow.InInterface, flow.OutInterface) = (flow.OutInterface, flow.InInterface);
        (flow.Bytes, flow.Packets) = isToldBefore ? (0, 0) : (bytes, packets);
        // The flags of one direction say nothing of the other: an answer to a SYN is none.
        flow.TcpFlags = (byte)reader[Slot.ReverseTcpFlags];
        flow.Knows = template.HasReverseTcpFlags ? flow.Knows | FlowKnowledge.TcpFlags : flow.Knows & ~FlowKnowledge.TcpFlags;
        handler.Flow(in flow);
    }
}
