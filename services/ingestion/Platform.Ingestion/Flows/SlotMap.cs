namespace Platform.Ingestion.Flows;

/// <summary>
/// Where a number lies in a record: its last byte, and which bits of the eight bytes that end there belong to it. One load and one mask read a
/// big-endian number of one to eight bytes, so reduced-size encoding (RFC 7011 section 6.2) costs nothing. A missing field has mask 0.
/// The load may begin up to eight bytes before the record; at least twenty bytes of headers are always there.
/// </summary>
internal readonly record struct FieldSlot(int End, ulong Mask)
{
    public static FieldSlot At(int offset, int length) =>
        new(offset + length, length == 8 ? ulong.MaxValue : (1UL << (8 * length)) - 1);
}

/// <summary>The numbers that the platform itself uses, each with a place in <see cref="FlowTemplate.Slots"/>.</summary>
internal enum Slot
{
    SourceV4,
    DestinationV4,
    SourcePort,
    DestinationPort,
    Protocol,
    TcpFlags,
    Bytes,
    Packets,
    Start,
    End,
    InInterface,
    OutInterface,
    SourceAsn,
    DestinationAsn,
    // Everything below is read only when the template has it.
    Flows,
    FragmentOffset,
    SourceV6High,
    SourceV6Low,
    DestinationV6High,
    DestinationV6Low,
    IpVersion,
    Duration,
    SystemStart,
    Sampler,
    Rate,
    SamplerRate,
    SampledInterval,
    SampledSpace,
    SampledSize,
    SampledPopulation,
    SampledProbability,
    ReverseBytes,
    ReversePackets,
    ReverseTcpFlags,
    FirewallEvent,
    ScopeInterface,
    ScopeTemplate,
    ScopeDomain,
    ScopeLineCard,
    ActiveTimeout,
    FrameBytes,
}

/// <summary>Unit and origin of a time field.</summary>
internal enum TimeUnit : byte
{
    None,
    Milliseconds,
    NtpMicroseconds,
    NtpNanoseconds,
    Seconds,
    UptimeMilliseconds,
    MicrosecondsBeforeExport,
}

/// <summary>Which element feeds which slot, and how good a source it is: the highest priority in a template wins.</summary>
internal static class SlotMap
{
    internal readonly record struct Use(Slot Slot, byte Priority, TimeUnit Unit = TimeUnit.None);

    /// <summary>Priority of the amounts since the last record of the same flow.</summary>
    internal const byte OfDelta = 9;

    /// <summary>Priority of the amounts of initiator and responder, which firewalls tell.</summary>
    internal const byte OfInitiator = 5;

    private const uint ReversePen = 29305; // RFC 5103: the same elements, other direction
    private const uint CiscoPen = 9;

    public static Use For(TemplateField field) => field switch
    {
        { IsV9Scope: true, Id: 2 } => new(Slot.ScopeInterface, 9),
        { IsV9Scope: true, Id: 3 } => new(Slot.ScopeLineCard, 9),
        { IsV9Scope: true, Id: 5 } => new(Slot.ScopeTemplate, 9),
        { IsV9Scope: true } => default,
        { Pen: 0 } => ForElement(field.Id),
        { Pen: ReversePen } => ForReverse(field.Id),
        { Pen: CiscoPen, Id: < 0x8000 } => ForElement((ushort)(field.Id | 0x8000)), // the same numbers that NetFlow v9 has above its enterprise bit
        _ => default,
    };

    private static Use ForReverse(ushort id) => id switch
    {
        1 => new(Slot.ReverseBytes, 9),
        2 => new(Slot.ReversePackets, 9),
        6 => new(Slot.ReverseTcpFlags, 9),
        85 => new(Slot.ReverseBytes, 7),
        86 => new(Slot.ReversePackets, 7),
        _ => default,
    };

    private static Use ForElement(ushort id) => id switch
    {
        8 => new(Slot.SourceV4, 9),
        44 => new(Slot.SourceV4, 5),
        // Cisco AVC names client and server instead of source and destination.
        45004 => new(Slot.SourceV4, 4),
        45005 => new(Slot.DestinationV4, 4),
        45006 => new(Slot.SourceV6High, 4),
        45007 => new(Slot.DestinationV6High, 4),
        45008 => new(Slot.SourcePort, 4),
        45009 => new(Slot.DestinationPort, 4),
        12 => new(Slot.DestinationV4, 9),
        45 => new(Slot.DestinationV4, 5),
        27 => new(Slot.SourceV6High, 9),
        170 => new(Slot.SourceV6High, 5),
        28 => new(Slot.DestinationV6High, 9),
        169 => new(Slot.DestinationV6High, 5),
        60 => new(Slot.IpVersion, 9),
        7 => new(Slot.SourcePort, 9),
        180 or 182 => new(Slot.SourcePort, 8),
        11 => new(Slot.DestinationPort, 9),
        181 or 183 => new(Slot.DestinationPort, 8),
        4 => new(Slot.Protocol, 9),
        193 => new(Slot.Protocol, 5),
        6 => new(Slot.TcpFlags, 9),
        88 => new(Slot.FragmentOffset, 9),
        // Delta counters before totals, before-policy before after-policy; ASA counts only as initiator and responder.
        1 => new(Slot.Bytes, OfDelta),
        23 => new(Slot.Bytes, 8),
        85 => new(Slot.Bytes, 7),
        171 => new(Slot.Bytes, 6),
        231 => new(Slot.Bytes, OfInitiator),
        352 => new(Slot.Bytes, 4),
        353 => new(Slot.Bytes, 3),
        2 => new(Slot.Packets, OfDelta),
        24 => new(Slot.Packets, 8),
        86 => new(Slot.Packets, 7),
        172 => new(Slot.Packets, 6),
        298 => new(Slot.Packets, OfInitiator),
        232 => new(Slot.ReverseBytes, OfInitiator),
        299 => new(Slot.ReversePackets, OfInitiator),
        233 => new(Slot.FirewallEvent, 9),
        3 => new(Slot.Flows, 9),
        10 => new(Slot.InInterface, 9),
        252 => new(Slot.InInterface, 5),
        14 => new(Slot.OutInterface, 9),
        253 => new(Slot.OutInterface, 5),
        16 => new(Slot.SourceAsn, 9),
        17 => new(Slot.DestinationAsn, 9),
        152 => new(Slot.Start, 9, TimeUnit.Milliseconds),
        154 => new(Slot.Start, 8, TimeUnit.NtpMicroseconds),
        156 => new(Slot.Start, 7, TimeUnit.NtpNanoseconds),
        22 => new(Slot.Start, 6, TimeUnit.UptimeMilliseconds),
        150 => new(Slot.Start, 5, TimeUnit.Seconds),
        158 => new(Slot.Start, 4, TimeUnit.MicrosecondsBeforeExport),
        153 => new(Slot.End, 9, TimeUnit.Milliseconds),
        155 => new(Slot.End, 8, TimeUnit.NtpMicroseconds),
        157 => new(Slot.End, 7, TimeUnit.NtpNanoseconds),
        21 => new(Slot.End, 6, TimeUnit.UptimeMilliseconds),
        151 => new(Slot.End, 5, TimeUnit.Seconds),
        159 => new(Slot.End, 4, TimeUnit.MicrosecondsBeforeExport),
        323 => new(Slot.End, 3, TimeUnit.Milliseconds),
        324 => new(Slot.End, 2, TimeUnit.NtpMicroseconds),
        325 => new(Slot.End, 2, TimeUnit.NtpNanoseconds),
        322 => new(Slot.End, 1, TimeUnit.Seconds),
        161 => new(Slot.Duration, 9, TimeUnit.Milliseconds),
        162 => new(Slot.Duration, 8, TimeUnit.MicrosecondsBeforeExport),
        36 => new(Slot.ActiveTimeout, 9),
        141 => new(Slot.ScopeLineCard, 8),
        145 => new(Slot.ScopeTemplate, 9),
        149 => new(Slot.ScopeDomain, 9),
        160 => new(Slot.SystemStart, 9),
        302 => new(Slot.Sampler, 9),
        48 => new(Slot.Sampler, 8),
        34 => new(Slot.Rate, 9),
        50 => new(Slot.SamplerRate, 9), // not the same slot: who has both may leave one of them zero
        305 => new(Slot.SampledInterval, 9),
        306 => new(Slot.SampledSpace, 9),
        396 => new(Slot.SampledInterval, 8), // of flows instead of packets
        397 => new(Slot.SampledSpace, 8),
        309 => new(Slot.SampledSize, 9),
        310 => new(Slot.SampledPopulation, 9),
        311 => new(Slot.SampledProbability, 9),
        312 => new(Slot.FrameBytes, 9),
        _ => default,
    };
}
