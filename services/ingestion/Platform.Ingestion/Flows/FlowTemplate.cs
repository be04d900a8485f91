using System.Runtime.CompilerServices;

namespace Platform.Ingestion.Flows;

/// <summary>One field of a template as the exporter sent it.</summary>
/// <param name="Pen">Private enterprise number; 0 for IANA elements and for every NetFlow v9 field.</param>
/// <param name="Id">Element id; for a NetFlow v9 scope field the scope type (1 system, 2 interface, ...).</param>
/// <param name="Length">Bytes; <see cref="Variable"/> when each record says its own (RFC 7011 section 7).</param>
/// <param name="IsV9Scope">The id is a NetFlow v9 scope type, not an element.</param>
internal readonly record struct TemplateField(uint Pen, ushort Id, ushort Length, bool IsV9Scope = false)
{
    public const ushort Variable = 65535;
}

/// <summary>A template, read once when it arrives into what each record then needs: the place of every number that we use.</summary>
internal sealed class FlowTemplate
{
    public const int SlotCount = (int)Slot.FrameBytes + 1;

    private readonly (byte Slot, byte Priority)[] _uses;

    /// <param name="knowsUptime">The messages of this protocol say how long the exporter is up.</param>
    public FlowTemplate(ushort id, TemplateField[] fields, int scopeCount, bool isOptions, bool knowsUptime = true)
    {
        // Absolute seconds are better than an uptime whose origin the record does not tell.
        var prefersSeconds = !knowsUptime && Has(150) && Has(151) && !Has(160);
        bool Has(ushort element) => Array.Exists(fields, field => field is { Pen: 0, IsV9Scope: false } && field.Id == element);
        Id = id;
        Fields = fields;
        ScopeCount = scopeCount;
        IsOptions = isOptions;
        _uses = new (byte, byte)[fields.Length];
        Span<byte> best = stackalloc byte[SlotCount];
        best.Clear();
        var offset = 0;
        for (var i = 0; i < fields.Length; i++)
        {
            var field = fields[i];
            var isVariable = field.Length == TemplateField.Variable;
            HasVariableLength |= isVariable;
            if (SlotMap.For(field) is { Priority: > 0 } use && use.Priority > best[(int)use.Slot]
                && !(prefersSeconds && use.Unit == TimeUnit.UptimeMilliseconds))
            {
                best[(int)use.Slot] = use.Priority;
                _uses[i] = ((byte)((int)use.Slot + 1), use.Priority);
                if (use.Slot == Slot.Start)
                {
                    StartUnit = use.Unit;
                }
                else if (use.Slot == Slot.End)
                {
                    EndUnit = use.Unit;
                }

                if (use.Slot == Slot.Duration)
                {
                    DurationPerMillisecond = use.Unit == TimeUnit.Milliseconds ? 1 : 1000;
                }
            }

            HasLineCard |= field is { IsV9Scope: true, Id: 3 } || (i < scopeCount && field is { IsV9Scope: false, Pen: 0, Id: 141 });
            if (field.Pen == 0 && !field.IsV9Scope && field.Id is 315 or 313 or 104)
            {
                PacketField = i;
            }

            offset += isVariable ? 1 : field.Length;
        }

        MinimumLength = offset;
        // A weaker candidate that came first gives way: two numbers for one slot would only overwrite each other.
        for (var i = 0; i < fields.Length; i++)
        {
            if (_uses[i].Slot != 0 && _uses[i].Priority < best[_uses[i].Slot - 1])
            {
                _uses[i] = default;
            }
        }

        Slots = new FieldSlot[SlotCount];
        if (!HasVariableLength)
        {
            Place(default, MinimumLength, Slots, out _);
        }

        bool Uses(Slot slot, Span<byte> best) => best[(int)slot] != 0;

        HasV4 = Uses(Slot.SourceV4, best) || Uses(Slot.DestinationV4, best);
        HasV6 = Uses(Slot.SourceV6High, best) || Uses(Slot.DestinationV6High, best);
        HasRate = Uses(Slot.Rate, best) || Uses(Slot.SamplerRate, best) || Uses(Slot.SampledInterval, best) || Uses(Slot.SampledPopulation, best)
            || Uses(Slot.SampledProbability, best);
        HasSampler = Uses(Slot.Sampler, best);
        HasReverse = Uses(Slot.ReverseBytes, best) || Uses(Slot.ReversePackets, best);
        HasReverseTcpFlags = Uses(Slot.ReverseTcpFlags, best);
        HasFirewallEvents = Uses(Slot.FirewallEvent, best)
            && best[(int)Slot.Bytes] is 0 or SlotMap.OfInitiator
            && best[(int)Slot.Packets] is 0 or SlotMap.OfInitiator;
        HasDeltas = best[(int)Slot.Bytes] is SlotMap.OfDelta || best[(int)Slot.Packets] is SlotMap.OfDelta;
        HasDuration = Uses(Slot.Duration, best);
        HasSystemStart = Uses(Slot.SystemStart, best);
        HasIpVersion = Uses(Slot.IpVersion, best);
        HasFlows = Uses(Slot.Flows, best);
        HasFragmentOffset = Uses(Slot.FragmentOffset, best);
        HasSampledSpace = Uses(Slot.SampledSpace, best);
        Knows = (Uses(Slot.Protocol, best) ? FlowKnowledge.Protocol : 0)
            | (Uses(Slot.SourcePort, best) && Uses(Slot.DestinationPort, best) ? FlowKnowledge.Ports : 0)
            | (Uses(Slot.TcpFlags, best) ? FlowKnowledge.TcpFlags : 0);
        HasPacketSection = PacketField >= 0 && !HasV4 && !HasV6;
        // An element of another length than an address has is a prefix, a list or nothing.
        HasAddress = HasVariableLength
            ? HasV4 || HasV6
            : (Slots[(int)Slot.SourceV4].Mask | Slots[(int)Slot.DestinationV4].Mask | Slots[(int)Slot.SourceV6High].Mask | Slots[(int)Slot.DestinationV6High].Mask) != 0;
        HasAmount = Uses(Slot.Bytes, best) || Uses(Slot.Packets, best) || HasReverse || HasPacketSection
            || Array.Exists(fields, field => field is { Pen: 0, IsV9Scope: false, Id: 230 or 233 or 33002 or 40005 });
        NeedsMore = HasV6 || HasReverse || HasDuration || HasSystemStart || HasFlows || HasFragmentOffset || HasFirewallEvents || HasPacketSection;
    }

    public ushort Id { get; }

    public TemplateField[] Fields { get; }

    public int ScopeCount { get; }

    public bool IsOptions { get; }

    public FieldSlot[] Slots { get; }

    /// <summary>Length of a record; with variable-length fields the least that it can have.</summary>
    public int MinimumLength { get; }

    public bool HasVariableLength { get; }

    public bool HasV4 { get; }

    public bool HasV6 { get; }

    /// <summary>Has an address that we read; flows of other templates are flows of nobody, unless a section of the packet has one.</summary>
    public bool HasAddress { get; }

    /// <summary>Tells bytes or packets, or is an event of a firewall or translator.</summary>
    public bool HasAmount { get; }

    public bool HasRate { get; }

    public bool HasSampler { get; }

    /// <summary>Options data for one line card (NetFlow v9 scope 3, element 141).</summary>
    public bool HasLineCard { get; }

    /// <summary>Its amounts are what came since the last record of the same flow, not of all of it.</summary>
    public bool HasDeltas { get; }

    public bool HasReverse { get; }

    public bool HasReverseTcpFlags { get; }

    /// <summary>Tells events of connections (element 233), and amounts as no meter does: of initiator and responder, or none.</summary>
    public bool HasFirewallEvents { get; }

    public bool HasDuration { get; }

    public bool HasSystemStart { get; }

    public bool HasIpVersion { get; }

    public bool HasFlows { get; }

    public bool HasFragmentOffset { get; }

    public bool HasSampledSpace { get; }

    public FlowKnowledge Knows { get; }

    /// <summary>Index of a field that carries the first bytes of the packet itself (elements 104, 313, 315), or -1.</summary>
    public int PacketField { get; } = -1;

    /// <summary>The packet section is the only source of addresses.</summary>
    public bool HasPacketSection { get; }

    /// <summary>Has more than the plain numbers that every record is read for.</summary>
    public bool NeedsMore { get; }

    public TimeUnit StartUnit { get; }

    public TimeUnit EndUnit { get; }

    public int DurationPerMillisecond { get; } = 1;

    /// <summary>Bytes that it takes, about.</summary>
    public int Memory => 1024 + Fields.Length * 16;

    /// <summary>When it was last used (Unix milliseconds), to find those that lie idle.</summary>
    public long UsedMs { get; set; }

    /// <summary>Whether the other template says the same: a refresh, not a redefinition.</summary>
    public bool IsSameAs(FlowTemplate other) =>
        IsOptions == other.IsOptions && ScopeCount == other.ScopeCount && Fields.AsSpan().SequenceEqual(other.Fields);

    /// <summary>Walks one record: fills the slots and gives its length. False when the record runs past what is there.</summary>
    /// <param name="record">The bytes from the start of the record; only read for variable lengths.</param>
    /// <param name="available">Bytes from the start of the record to the end of its set.</param>
    /// <param name="slots">Filled; every entry that the record lacks stays as it was given.</param>
    /// <param name="length">Bytes of the record.</param>
    public bool Place(ReadOnlySpan<byte> record, int available, Span<FieldSlot> slots, out int length)
    {
        var offset = 0;
        length = 0;
        for (var i = 0; i < Fields.Length; i++)
        {
            int size = Fields[i].Length;
            if (size == TemplateField.Variable && !TryReadVariableLength(record, available, ref offset, out size))
            {
                return false;
            }

            if (size > available - offset)
            {
                return false;
            }

            if (_uses[i].Slot != 0)
            {
                PlaceOne((Slot)(_uses[i].Slot - 1), offset, size, slots);
            }

            offset += size;
        }

        length = offset;
        return true;
    }

    /// <summary>Reads the length of a variable-length field: one byte, or 255 and two more (RFC 7011 section 7).</summary>
    public static bool TryReadVariableLength(ReadOnlySpan<byte> record, int available, ref int offset, out int size)
    {
        size = 0;
        if (offset >= available)
        {
            return false;
        }

        size = record[offset++];
        if (size == 255)
        {
            if (available - offset < 2)
            {
                return false;
            }

            size = record[offset] << 8 | record[offset + 1];
            offset += 2;
        }

        return true;
    }

    /// <summary>Finds the field that carries the start of a sampled packet.</summary>
    /// <param name="isFrame">The bytes begin with the data link header (elements 315, 104), not with IP (element 313).</param>
    public bool TryFindPacket(ReadOnlySpan<byte> record, out ReadOnlySpan<byte> packet, out bool isFrame)
    {
        packet = default;
        isFrame = PacketField >= 0 && Fields[PacketField].Id != 313;
        var offset = 0;
        for (var i = 0; i <= PacketField; i++)
        {
            int size = Fields[i].Length;
            if ((size == TemplateField.Variable && !TryReadVariableLength(record, record.Length, ref offset, out size))
                || size > record.Length - offset)
            {
                return false;
            }

            if (i == PacketField)
            {
                packet = record.Slice(offset, size);
            }

            offset += size;
        }

        return PacketField >= 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PlaceOne(Slot slot, int offset, int size, Span<FieldSlot> slots)
    {
        switch (slot)
        {
            case Slot.SourceV4 or Slot.DestinationV4 when size != 4:
                break; // a prefix or a list, not an address
            case Slot.SourceV6High or Slot.DestinationV6High:
                if (size == 16)
                {
                    slots[(int)slot] = FieldSlot.At(offset, 8);
                    slots[(int)slot + 1] = FieldSlot.At(offset + 8, 8);
                }

                break;
            default:
                if (size is > 0 and <= 8)
                {
                    slots[(int)slot] = FieldSlot.At(offset, size);
                }

                break;
        }
    }
}
