using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>The data records of NetFlow v5, v9 and IPFIX: from bytes and a compiled template to <see cref="FlowRecord"/>. The hot path.</summary>
internal static class TemplateRecords
{
    /// <summary>Decodes all records of one set.</summary>
    /// <param name="message">Ends with the set. At least eight bytes lie before <paramref name="start"/>.</param>
    /// <param name="start">First byte after the header of the set.</param>
    /// <returns>Number of records.</returns>
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
        var count = 0;
        FlowRecord flow = default;
        flow.Format = header.Format;
        flow.ExportedMs = header.ExportedMs;
        flow.Flows = 1;
        flow.Knows = template.Knows;
        var rateIsFixed = exporter.SamplingOverride != 0
            || !(template.HasRate || template.HasSampler || domain.HasInterfaceRates);
        (flow.SamplingRate, flow.SamplingSource) = RateOfSet(template, exporter, domain, in header);

        Span<FieldSlot> placed = template.HasVariableLength ? stackalloc FieldSlot[FlowTemplate.SlotCount] : template.Slots;
        var length = template.MinimumLength;
        for (var position = start; message.Length - position >= template.MinimumLength; position += length)
        {
            if (template.HasVariableLength)
            {
                placed.Clear();
                if (!template.Place(message[position..], message.Length - position, placed, out length))
                {
                    exporter.Count(DecodeError.RecordBeyondSet);
                    break;
                }
            }

            count++;
            var reader = new Reader(message, position, placed);
            if (template.IsOptions)
            {
                ReadOptions(template, in reader, exporter, domain);
            }
            else
            {
                ReadFlow(template, in reader, in header, domain, ref flow);
                if (!rateIsFixed)
                {
                    (flow.SamplingRate, flow.SamplingSource) = RateOfRecord(
                        template, in reader, in flow, exporter, domain, in header);
                }

                if (template.NeedsMore)
                {
                    ReadMore(template, in reader, message.Slice(position, length), in header, domain, ref flow);
                }

                handler.Flow(in flow);
                if (template.HasReverse)
                {
                    GiveReverse(in reader, flow, ref handler);
                }
            }

            if (THandler.WantsFields)
            {
                handler.Record(in header, template, message.Slice(position, length));
            }
        }

        if (template.IsOptions)
        {
            exporter.OptionsRecords += count;
        }
        else
        {
            exporter.Records += count;
            exporter.LastRate = flow.SamplingRate;
            exporter.LastRateSource = flow.SamplingSource;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadFlow(
        FlowTemplate template, in Reader reader, in MessageHeader header, FlowDomain domain, ref FlowRecord flow)
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
        flow.EndMs = ToUnixMs(template.EndUnit, reader[Slot.End], in header, domain.SystemStartMs);
        flow.StartMs = ToUnixMs(template.StartUnit, reader[Slot.Start], in header, domain.SystemStartMs);
        if (flow.EndMs == 0)
        {
            flow.EndMs = header.ExportedMs;
        }
    }

    private static void ReadMore(
        FlowTemplate template,
        in Reader reader,
        ReadOnlySpan<byte> record,
        in MessageHeader header,
        FlowDomain domain,
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
        if (template.HasSystemStart)
        {
            var startedMs = (long)reader[Slot.SystemStart];
            flow.EndMs = ToUnixMs(template.EndUnit, reader[Slot.End], in header, startedMs);
            flow.StartMs = ToUnixMs(template.StartUnit, reader[Slot.Start], in header, startedMs);
        }

        if (template.HasDuration)
        {
            var durationMs = (long)Math.Min(reader[Slot.Duration] / (ulong)template.DurationPerMillisecond, uint.MaxValue);
            if (template.StartUnit == TimeUnit.None)
            {
                flow.StartMs = flow.EndMs - durationMs;
            }
            else if (template.EndUnit == TimeUnit.None)
            {
                flow.EndMs = flow.StartMs + durationMs;
            }
        }

        if (template.HasPacketSection)
        {
            ReadPacketSection(template, record, reader[Slot.FrameBytes], ref flow);
        }
    }

    // Some exporters send both families in one template and leave one of them zero.
    private static void ReadV6(FlowTemplate template, in Reader reader, ref FlowRecord flow)
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
    private static void ReadPacketSection(
        FlowTemplate template, ReadOnlySpan<byte> record, ulong frameBytes, ref FlowRecord flow)
    {
        flow.Knows = template.Knows;
        if (!template.TryFindPacket(record, out var packet, out var isFrame))
        {
            return;
        }

        PacketHeader parsed = default;
        if (!(isFrame ? PacketHeader.TryParseEthernet(packet, ref parsed) : PacketHeader.TryParseIp(packet, ref parsed)))
        {
            return;
        }

        parsed.CopyTo(ref flow);
        flow.Bytes = flow.Bytes != 0 ? flow.Bytes : frameBytes != 0 ? frameBytes : parsed.IpLength;
        flow.Packets = flow.Packets != 0 ? flow.Packets : 1;
    }

    private static void GiveReverse<THandler>(in Reader reader, FlowRecord flow, ref THandler handler)
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
        flow.Bytes = bytes;
        flow.Packets = packets;
        handler.Flow(in flow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long ToUnixMs(TimeUnit unit, ulong value, in MessageHeader header, long systemStartMs) => unit switch
    {
        TimeUnit.None => 0,
        TimeUnit.Milliseconds => (long)value,
        TimeUnit.UptimeMilliseconds when header.Format != FlowProtocol.Ipfix =>
            header.ExportedMs - (int)(header.UptimeMs - (uint)value), // wraps every 49.7 days, so the difference counts
        _ => ToUnixMsRarely(unit, value, in header, systemStartMs),
    };

    private static long ToUnixMsRarely(TimeUnit unit, ulong value, in MessageHeader header, long systemStartMs)
    {
        const long NtpToUnixSeconds = 2_208_988_800; // 1900 to 1970
        return unit switch
        {
            TimeUnit.Seconds => (long)Math.Min(value, uint.MaxValue) * 1000,
            TimeUnit.NtpMicroseconds or TimeUnit.NtpNanoseconds =>
                ((long)(value >> 32) - NtpToUnixSeconds) * 1000 + (long)((value & 0xFFFF_FFFF) * 1000 >> 32),
            TimeUnit.MicrosecondsBeforeExport => header.ExportedMs - (long)(value / 1000),
            // Without the start of the system there is no instant; 0 makes the end the time of export.
            _ => systemStartMs == 0 ? 0 : systemStartMs + (uint)value,
        };
    }

    private static (uint Rate, SamplingSource Source) RateOfSet(
        FlowTemplate template, ExporterContext exporter, FlowDomain domain, in MessageHeader header) =>
        exporter.SamplingOverride != 0 ? (exporter.SamplingOverride, SamplingSource.Setting)
        : domain.TryGetTemplateRate(template.Id, out var rate) ? (rate, SamplingSource.Template)
        : header.HeaderSampling != 0 ? (header.HeaderSampling, SamplingSource.Header)
        : domain.DefaultRate != 0 ? (domain.DefaultRate, SamplingSource.Options)
        : domain.CommonSamplerRate != 0 ? (domain.CommonSamplerRate, SamplingSource.Sampler)
        : exporter.DefaultRate != 0 ? (exporter.DefaultRate, SamplingSource.Options)
        : (1, SamplingSource.Unknown);

    private static (uint Rate, SamplingSource Source) RateOfRecord(
        FlowTemplate template,
        in Reader reader,
        in FlowRecord flow,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header)
    {
        if (template.HasRate && RateIn(template, in reader) is > 0 and var own)
        {
            return (own, SamplingSource.Record);
        }

        if (template.HasSampler && (domain.TryGetSamplerRate((uint)reader[Slot.Sampler], out var rate)
            || exporter.TryGetSamplerRate((uint)reader[Slot.Sampler], out rate)))
        {
            return (rate, SamplingSource.Sampler);
        }

        // An exporter samples where a packet comes in or where it goes out.
        if (domain.TryGetInterfaceRate(flow.InInterface, out rate) || domain.TryGetInterfaceRate(flow.OutInterface, out rate))
        {
            return (rate, SamplingSource.Interface);
        }

        // A sampler that nobody described is not the one that somebody did.
        var (rateOfSet, source) = RateOfSet(template, exporter, domain, in header);
        return template.HasSampler && source is SamplingSource.Sampler ? (1, SamplingSource.Unknown) : (rateOfSet, source);
    }

    // One packet in N from whichever way it is said (RFC 3954, RFC 5477); 0 when not said.
    private static uint RateIn(FlowTemplate template, in Reader reader)
    {
        double rate = reader[Slot.Rate];
        if (rate == 0 && reader[Slot.SampledInterval] is > 0 and var interval)
        {
            // An interval without the space between intervals would say that everything is sampled; who sends that means one packet in so many.
            rate = template.HasSampledSpace ? (interval + (double)reader[Slot.SampledSpace]) / interval : interval;
        }

        if (rate == 0 && reader[Slot.SampledPopulation] is > 0 and var population)
        {
            rate = population / (double)Math.Max(1, reader[Slot.SampledSize]);
        }

        if (rate == 0 && reader[Slot.SampledProbability] is > 0 and var bits)
        {
            rate = 1 / (bits <= uint.MaxValue ? BitConverter.UInt32BitsToSingle((uint)bits) : BitConverter.UInt64BitsToDouble(bits));
        }

        return rate is >= 1 and < uint.MaxValue ? (uint)Math.Round(rate) : 0;
    }

    private static void ReadOptions(FlowTemplate template, in Reader reader, ExporterContext exporter, FlowDomain domain)
    {
        if (template.HasSystemStart)
        {
            domain.SystemStartMs = (long)reader[Slot.SystemStart];
        }

        if (!template.HasRate || RateIn(template, in reader) is not (> 0 and var rate))
        {
            return;
        }

        if (template.HasSampler)
        {
            domain.SetSamplerRate((uint)reader[Slot.Sampler], rate, exporter.Limits.Samplers);
            exporter.SetSamplerRate((uint)reader[Slot.Sampler], rate);
        }

        // A rate for the flows of one template says nothing about those of others.
        if (reader[Slot.ScopeTemplate] is > 0 and <= ushort.MaxValue and var templateId)
        {
            domain.SetTemplateRate((ushort)templateId, rate, exporter.Limits.Samplers);
            return;
        }

        var index = FirstOf(reader[Slot.ScopeInterface], reader[Slot.InInterface], reader[Slot.OutInterface]);
        if (index != 0)
        {
            domain.SetInterfaceRate(index, rate, exporter.Limits.Samplers);
        }
        else if (!template.HasSampler)
        {
            domain.SetDefaultRate(rate);
            exporter.DefaultRate = rate;
        }
    }

    private static uint FirstOf(ulong a, ulong b, ulong c) => (uint)(a != 0 ? a : b != 0 ? b : c);

    /// <summary>Reads the numbers of one record by slot, without a branch.</summary>
    private readonly ref struct Reader(ReadOnlySpan<byte> message, int position, ReadOnlySpan<FieldSlot> slots)
    {
        private readonly ref byte _record = ref Unsafe.Add(ref MemoryMarshal.GetReference(message), position);
        private readonly ref FieldSlot _slots = ref MemoryMarshal.GetReference(slots);

        public ulong this[Slot slot]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                ref var place = ref Unsafe.Add(ref _slots, (nint)slot);
                // In bounds: a record starts at least eight bytes into the message and a slot ends inside the record.
                var word = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref _record, place.End - 8));
                return BinaryPrimitives.ReverseEndianness(word) & place.Mask;
            }
        }
    }
}
