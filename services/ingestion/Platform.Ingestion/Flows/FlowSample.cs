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

    /// <summary>Where the packet came in and went out.</summary>
    public SflowInterface Input;
    public SflowInterface Output;
    public uint FrameLength;
    public uint Stripped;

    /// <summary>sFlow header protocol: 1 Ethernet, 11 IPv4, 12 IPv6, 13 MPLS.</summary>
    public uint HeaderProtocol;
    public PacketHeader Packet;
    public bool HasIp;

    /// <summary>TCP flags beside the packet's header (records of IPv4, IPv6), for where that was cut before them.</summary>
    public bool HasTcpFlagsBeside;
    public byte TcpFlagsBeside;
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

    /// <summary>The addresses after translation (extended_nat); the ones in the packet are from before it.</summary>
    public bool HasNat;
    public HostAddress NatSource;
    public HostAddress NatDestination;

    /// <summary>The packet was not forwarded, and this is no sample but a notice of it: why (sFlow Discarded Packet Notifications, enum drop_reason).</summary>
    public bool IsDiscarded;
    public uint DropReason;
}

/// <summary>An interface as sFlow tells it (sFlow version 5, section 5.3, "interface"): not always one that has an index.</summary>
/// <param name="Format">0: an interface index; 1: discarded, for a reason; 2: several interfaces, so many of them.</param>
internal readonly record struct SflowInterface(uint Format, uint Value)
{
    private const uint None = 0x3FFF_FFFF; // begins or ends in the device itself

    /// <summary>Index of the one interface; 0 when there is none.</summary>
    public uint Index => Format == 0 && Value != None ? Value : 0;

    /// <summary>The form of a flow sample, where the two topmost bits are the format.</summary>
    public static SflowInterface Compact(uint word) => new(word >> 30, word & None);

    /// <summary>What <see cref="Index"/> is of a compact one.</summary>
    public static uint IndexOf(uint word) => word < None ? word : 0;
}
