using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Which packets, and what happens to them. Everything that is null matches anything. Stored in events; a speaker turns it into FlowSpec
/// (RFC 8955, RFC 8956), a scrubber into its own filter.
/// </summary>
/// <param name="Destination">The attacked prefix; there is no rule without one.</param>
/// <param name="Action">What happens to packets that match.</param>
/// <param name="Source">Where the packets come from.</param>
/// <param name="Protocol">IP protocol or IPv6 next header (IANA number).</param>
/// <param name="SourcePort">Of UDP or TCP.</param>
/// <param name="DestinationPort">Of UDP or TCP.</param>
/// <param name="PacketLength">Length of the IP packet in bytes.</param>
/// <param name="TcpFlagsSet">TCP flags that must be set (FIN 1, SYN 2, RST 4, PSH 8, ACK 16).</param>
/// <param name="TcpFlagsClear">TCP flags that must not be set.</param>
/// <param name="Fragment">True: fragments only.</param>
/// <param name="BytesPerSecond">With <see cref="TrafficAction.RateLimit"/>: what may pass; with <see cref="TrafficAction.SynProxy"/>: what each source may send
/// where the kernel knows no proxy.</param>
/// <param name="RedirectTo">With <see cref="TrafficAction.Redirect"/>: route target <c>asn:number</c> of the VRF that takes it.</param>
/// <param name="PerSource">With <see cref="TrafficAction.RateLimit"/> at a scrubber: the limit is for each source address.</param>
/// <param name="TotalBytesPerSecond">With <see cref="TrafficAction.SynProxy"/>: what all sources may send together where the kernel knows no proxy; null: no
/// limit. A flood comes from addresses that are made up, each of them seldom.</param>
internal sealed record TrafficRule(
    IPNetwork Destination,
    TrafficAction Action,
    IPNetwork? Source = null,
    byte? Protocol = null,
    NumberRange? SourcePort = null,
    NumberRange? DestinationPort = null,
    NumberRange? PacketLength = null,
    byte TcpFlagsSet = 0,
    byte TcpFlagsClear = 0,
    bool Fragment = false,
    long? BytesPerSecond = null,
    string? RedirectTo = null,
    bool PerSource = false,
    long? TotalBytesPerSecond = null)
{
    public const byte Udp = 17;
    public const byte Tcp = 6;
    public const byte Syn = 2;
    public const byte Ack = 16;

    /// <summary>Sources wider than these are everybody, in two or a few rules.</summary>
    private const int WidestSourceIPv4 = 8;
    private const int WidestSourceIPv6 = 16;

    /// <summary>Whether it says more about the packets than where they go: half of the Internet, or lengths that all packets have, say nothing.</summary>
    public bool IsNarrow =>
        (Source is { } source && source.PrefixLength >= (source.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? WidestSourceIPv4 : WidestSourceIPv6))
        || Protocol is not null || SourcePort is not null || DestinationPort is not null
        || PacketLength is not null and not { From: <= 64, To: >= 1500 } || TcpFlagsSet != 0 || TcpFlagsClear != 0 || Fragment;

    /// <summary>
    /// The part of one of so many that have the traffic between them. What each source may have is not shared: its packets take one way.
    /// </summary>
    public TrafficRule SharedBy(int count)
    {
        return this with
        {
            BytesPerSecond = Action is TrafficAction.RateLimit && !PerSource ? Part(BytesPerSecond) : BytesPerSecond,
            TotalBytesPerSecond = Part(TotalBytesPerSecond),
        };

        long? Part(long? limit) => limit is { } all ? Math.Max(1, all / count) : null;
    }

    /// <summary>For people and for identity: equal text is the same rule.</summary>
    public override string ToString()
    {
        var text = new List<string> { $"to {Destination}" };
        Add(Source is { } source ? $"from {source}" : null);
        Add(Protocol switch
        {
            null => null,
            Udp => "udp",
            Tcp => "tcp",
            1 => "icmp",
            58 => "icmp6",
            47 => "gre",
            var other => $"protocol {other.Value.ToString(CultureInfo.InvariantCulture)}",
        });
        Add(SourcePort is { } from ? $"source-port {from}" : null);
        Add(DestinationPort is { } to ? $"destination-port {to}" : null);
        Add(PacketLength is { } length ? $"length {length}" : null);
        Add(TcpFlagsSet != 0 ? $"flags {Flags(TcpFlagsSet)}" : null);
        Add(TcpFlagsClear != 0 ? $"not-flags {Flags(TcpFlagsClear)}" : null);
        Add(Fragment ? "fragment" : null);
        Add(Action switch
        {
            TrafficAction.RateLimit => $"rate-limit {BytesPerSecond} bytes/s{(PerSource ? " per source" : "")}",
            TrafficAction.Redirect => $"redirect {RedirectTo}",
            TrafficAction.Accept => "accept",
            TrafficAction.SynProxy => "syn-proxy",
            _ => "discard",
        });
        return string.Join(' ', text);

        void Add(string? part)
        {
            if (part is not null)
            {
                text.Add(part);
            }
        }
    }

    private static string Flags(byte flags) => string.Concat("FSRPA".Where((_, bit) => (flags & (1 << bit)) != 0));
}

/// <summary>Numbers from and to, both inclusive.</summary>
internal sealed record NumberRange(int From, int To)
{
    public static NumberRange Of(int number) => new(number, number);

    public override string ToString() => From == To
        ? From.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{From}-{To}");
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum TrafficAction
{
    Discard = 1,
    RateLimit = 2,
    Redirect = 3,

    /// <summary>Passes whatever other rules say: the allow-list.</summary>
    Accept = 4,

    /// <summary>A scrubber answers for the victim until a connection is real; one whose kernel cannot limits each source, and all together, instead.</summary>
    SynProxy = 5,
}

/// <summary>One thing to put into the network.</summary>
/// <param name="Kind">By which means.</param>
/// <param name="Prefix">Prefix that is announced, or that the rule protects.</param>
/// <param name="Rule">Which packets; null where all of the prefix are meant.</param>
/// <param name="Pool">Scrubbing pool that the traffic goes to; null: the speaker's own.</param>
internal sealed record CountermeasureSpec(CountermeasureKind Kind, IPNetwork Prefix, TrafficRule? Rule = null, string? Pool = null)
{
    /// <summary>Whether it only lets through.</summary>
    public bool IsAllowance => Rule is { Action: TrafficAction.Accept };

    /// <summary>Whether it leads traffic to the scrubbers, or is of no use without.</summary>
    public bool NeedsScrubbers => Kind is CountermeasureKind.Diversion or CountermeasureKind.Scrubbing;

    /// <summary>Identity within its mitigation: the same means against the same packets is the same countermeasure.</summary>
    public Guid IdIn(Guid mitigationId) =>
        DerivedId.For(mitigationId, Rule is null ? $"{Kind} {Prefix}" : $"{Kind} {Rule}");
}
