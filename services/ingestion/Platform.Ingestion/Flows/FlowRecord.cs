using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Platform.Ingestion.Flows;

/// <summary>An IPv4 or IPv6 address as two words; IPv4 is held as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).</summary>
internal readonly record struct HostAddress(ulong High, ulong Low)
{
    private const ulong MappedPrefix = 0x0000_FFFF_0000_0000;

    public bool IsV4 => High == 0 && Low >> 32 == 0xFFFF;

    public uint V4 => (uint)Low;

    public static HostAddress FromV4(uint address) => new(0, MappedPrefix | address);

    public static HostAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            address.TryWriteBytes(bytes, out _);
            return FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes));
        }

        address.TryWriteBytes(bytes, out _);
        return FromV6(bytes);
    }

    public static HostAddress FromV6(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
        return IsV4 ? new IPAddress(bytes[12..]) : new IPAddress(bytes);
    }

    public override string ToString() => ToIPAddress().ToString();
}

/// <summary>Where the sampling rate of a record came from, strongest first.</summary>
internal enum SamplingSource : byte
{
    /// <summary>Nobody said anything: counted as 1 in 1.</summary>
    Unknown,

    /// <summary>The setting of the exporter, which overrides everything.</summary>
    Setting,

    /// <summary>The record itself (elements 34, 50, 305, 306, 309 to 311, 396, 397) or the sFlow sample.</summary>
    Record,

    /// <summary>Options data for the sampler that the record names (elements 48, 302), or that all samplers agree on.</summary>
    Sampler,

    /// <summary>Options data for the interface on which the flow came in.</summary>
    Interface,

    /// <summary>Options data for the template of the record.</summary>
    Template,

    /// <summary>Options data for the whole observation domain or exporter.</summary>
    Options,

    /// <summary>The NetFlow v5 header.</summary>
    Header,

    /// <summary>Options data for line cards, which all agree: no record names its line card.</summary>
    LineCard,

    /// <summary>Options data for what goes out at an interface; of flows that is <see cref="Interface"/>.</summary>
    EgressInterface,
}

/// <summary>Which of the fields that traffic is judged by the exporter told: a zero that was not told means nothing.</summary>
[Flags]
internal enum FlowKnowledge : byte
{
    None = 0,
    Protocol = 1,
    Ports = 2,
    TcpFlags = 4,
    All = Protocol | Ports | TcpFlags,
}

/// <summary>Which export protocol a record came by.</summary>
internal enum FlowProtocol : byte
{
    NetFlow5,
    NetFlow9,
    Ipfix,
    Sflow5,
}

/// <summary>
/// One flow as the platform counts it: fixed size, on the stack, the same for every protocol. Counters are as exported, not yet
/// multiplied by <see cref="SamplingRate"/>. Instants are Unix milliseconds on the exporter's own clock; see <see cref="NowMs"/>.
/// </summary>
internal struct FlowRecord
{
    public HostAddress Source;
    public HostAddress Destination;

    /// <summary>Octets: of layer 3, or of the whole frame when the exporter samples frames (sFlow).</summary>
    public ulong Bytes;
    public ulong Packets;

    /// <summary>First packet. 0 when the exporter said nothing.</summary>
    public long StartMs;

    /// <summary>Last packet; never 0.</summary>
    public long EndMs;

    /// <summary>The exporter's own clock now, the same that start and end are on: when it sent the datagram, and for how long that waited for its template.</summary>
    public long NowMs;
    public uint Flows;
    public uint SamplingRate;

    /// <summary>
    /// The active timeout of the exporter, in milliseconds, when the amounts are what came since the last record of the same flow: of a flow that goes on, some exporters
    /// tell the first packet of all in each record. 0: not told, or the amounts are of the whole flow.
    /// </summary>
    public uint TimeoutMs;
    public uint InInterface;
    public uint OutInterface;
    public uint SourceAsn;
    public uint DestinationAsn;
    public ushort SourcePort;
    public ushort DestinationPort;
    public byte Protocol;

    /// <summary>The low eight TCP control bits, ored over the flow.</summary>
    public byte TcpFlags;

    /// <summary>A fragment after the first: it has no ports.</summary>
    public bool IsFragment;

    /// <summary>No addresses: no traffic that anybody could count. Only <see cref="IFlowHandler.WantsFields"/> asks for it.</summary>
    public bool IsOfNobody;
    public FlowKnowledge Knows;
    public SamplingSource SamplingSource;
    public FlowProtocol Format;
}

/// <summary>Receives what a datagram holds. Implemented by structs, so that the calls are direct and nothing is allocated.</summary>
internal interface IFlowHandler
{
    /// <summary>Whether <see cref="Record"/> and <see cref="Sample"/> are wanted: constant per type, so unused code vanishes.</summary>
    static abstract bool WantsFields { get; }

    /// <summary>One flow; of nobody only to who wants fields. A record with counters for both directions (RFC 5103) gives two.</summary>
    void Flow(in FlowRecord flow);

    /// <summary>One record with every field as it was sent.</summary>
    void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record);

    /// <summary>One sFlow flow sample.</summary>
    void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet);
}

/// <summary>What the header of a datagram says about all its records.</summary>
internal struct MessageHeader
{
    public FlowProtocol Format;

    /// <summary>IPFIX observation domain, NetFlow v9 source id, NetFlow v5 engine type and id, sFlow sub-agent.</summary>
    public uint Domain;
    public uint Sequence;

    /// <summary>When the exporter sent the datagram (Unix milliseconds, its clock); the time of receipt for sFlow, which has no clock.</summary>
    public long ExportedMs;

    /// <summary>Milliseconds since the exporter started (NetFlow v5, v9, sFlow).</summary>
    public uint UptimeMs;

    /// <summary>When we received it (Unix milliseconds).</summary>
    public long ReceivedMs;

    /// <summary>For how long since then its data waited for a template.</summary>
    public long WaitedMs;

    /// <summary>For data that waited for its template: which rates were known when it came (<see cref="RateHistory.Now"/>); 0 for all other data.</summary>
    public long RatesAsOf;

    /// <summary>NetFlow v5: sampling interval of the header, 0 when none.</summary>
    public uint HeaderSampling;

    /// <summary>sFlow: the agent that took the samples; may differ from the sender of the datagram.</summary>
    public HostAddress Agent;
}
