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
