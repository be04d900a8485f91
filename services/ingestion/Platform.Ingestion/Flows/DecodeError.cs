namespace Platform.Ingestion.Flows;

/// <summary>Why a datagram, or a part of one, was not understood. Every refusal is counted under one of these, per exporter.</summary>
internal enum DecodeError
{
    /// <summary>The version at the start of the datagram is none that we read (NetFlow 5, 9, IPFIX 10, sFlow 5).</summary>
    UnknownVersion,

    /// <summary>A protocol that we read, but not the one that the exporter is registered with; decoded all the same.</summary>
    ProtocolUnexpected,

    /// <summary>The datagram ends inside its own header.</summary>
    HeaderTruncated,

    /// <summary>A NetFlow v5 header promises more records than the datagram holds; the whole ones are used.</summary>
    CountBeyondDatagram,

    /// <summary>An IPFIX message says it is longer than the datagram, or shorter than its header.</summary>
    MessageLengthWrong,

    /// <summary>A set (flow set) is shorter than its own header: the rest of the datagram cannot be walked.</summary>
    SetTooShort,

    /// <summary>A set (flow set) runs past the end of the datagram; what is there is used.</summary>
    SetBeyondDatagram,

    /// <summary>A set id that the RFCs reserve (NetFlow v9: 2 to 255, IPFIX: 0, 1 and 4 to 255).</summary>
    SetIdReserved,

    /// <summary>A template with an id below 256.</summary>
    TemplateIdReserved,

    /// <summary>A template that ends before its last field.</summary>
    TemplateTruncated,

    /// <summary>A template without fields, or whose records would have no bytes.</summary>
    TemplateEmpty,

    /// <summary>An options template whose scope lengths or counts contradict each other.</summary>
    TemplateScopeWrong,

    /// <summary>A template with more fields than <see cref="DecodeLimits.FieldsPerTemplate"/>, or records longer than a datagram.</summary>
    TemplateTooLarge,

    /// <summary>The exporter, or all of them together, already hold as many templates or fields as they may.</summary>
    TooManyTemplates,

    /// <summary>The exporter already has as many observation domains (source ids, sub-agents) as it may; the whole datagram is left out, of sFlow only its sequence number.</summary>
    TooManyDomains,

    /// <summary>The exporter already told as many sampling rates (samplers, interfaces, templates) as we remember.</summary>
    TooManyRates,

    /// <summary>Bytes that are no padding behind the last record of a set, the last set, or the last sample.</summary>
    TrailingBytes,

    /// <summary>A withdrawal of a template that is not known.</summary>
    WithdrawalOfUnknownTemplate,

    /// <summary>Data whose template did not arrive in time, or was refused, or for which there was no room to wait.</summary>
    DataWithoutTemplate,

    /// <summary>A variable-length record that runs past the end of its set.</summary>
    RecordBeyondSet,

    /// <summary>An sFlow sample or record that runs past the end of the datagram.</summary>
    SampleBeyondDatagram,

    /// <summary>An sFlow agent address that is neither IPv4 nor IPv6.</summary>
    AgentAddressUnknown,

    /// <summary>An sFlow sample of a kind that we do not read (vendor formats); skipped by its length.</summary>
    SampleKindUnknown,

    /// <summary>A sampled packet without an IP header that we can reach (other protocols, cut too short).</summary>
    PacketWithoutIp,

    /// <summary>The total of a connection at its end, from a firewall that told the parts of it before: the flow counts, the total does not.</summary>
    TotalToldBefore,

    /// <summary>A sampling rate in a data record that has its last byte first (MikroTik); used the other way round.</summary>
    RateByteOrder,

    /// <summary>A sampling rate of one packet in more than 2^24; not used.</summary>
    RateTooHigh,

    /// <summary>A template with other fields than the known one of its id, which nobody withdrew. Data between the change and this was read as the old one.</summary>
    TemplateChanged,

    /// <summary>A record whose template has no addresses that we read: not counted as traffic.</summary>
    RecordWithoutAddress,

    /// <summary>A record with addresses whose template tells neither bytes nor packets, nor is it an event: a flow of nothing.</summary>
    RecordWithoutAmount,

    /// <summary>A length of a sampled frame that cannot be, beside that of its IP packet; the packet's and what is before it count.</summary>
    FrameLengthImpossible,
}

/// <summary>What one exporter may make us remember. Bounds memory whatever the bytes are.</summary>
internal sealed record DecodeLimits
{
    public static readonly DecodeLimits Default = new();

    /// <summary>Most bytes that templates, domains, rates and waiting data of all exporters together take: 10,000 exporters with 25 templates of 40 fields each.</summary>
    public const long MemoryOfAll = 512 * 1024 * 1024;

    /// <summary>Most fields in one template.</summary>
    public int FieldsPerTemplate { get; init; } = 1024;

    /// <summary>Most templates of one exporter, all observation domains together.</summary>
    public int Templates { get; init; } = 4096;

    /// <summary>Most template fields of one exporter, all templates together.</summary>
    public int Fields { get; init; } = 65_536;

    /// <summary>Most observation domains (source ids, sub-agents) of one exporter.</summary>
    public int Domains { get; init; } = 1024;

    /// <summary>Most sources of sFlow samples (interfaces) whose losses are told apart, per agent and sub-agent.</summary>
    public int SourcesPerDomain { get; init; } = 4096;

    /// <summary>Most samplers, interfaces and templates with a sampling rate of their own, all observation domains of one exporter together.</summary>
    public int Rates { get; init; } = 16_384;

    /// <summary>Most bytes of one exporter that wait for their template.</summary>
    public int WaitingBytes { get; init; } = 256 * 1024;

    /// <summary>How long data waits for its template.</summary>
    public TimeSpan WaitingTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a template without use keeps its place when the exporter is at its limit.</summary>
    public TimeSpan TemplateIdle { get; init; } = TimeSpan.FromMinutes(30);
}
