using System.Net;
using System.Net.Sockets;
using Platform.EventStore;
using static Platform.Mitigation.Mitigations.MitigationRejections;

namespace Platform.Mitigation.Mitigations;

/// <summary>What no countermeasure may do, whoever asks for it: rules, policy or operator. Pure.</summary>
/// <param name="WidestIPv4">Shortest IPv4 prefix length of this tenant; a value below <see cref="HardWidestIPv4"/> counts as that.</param>
/// <param name="WidestIPv6">Shortest IPv6 prefix length of this tenant; a value below <see cref="HardWidestIPv6"/> counts as that.</param>
/// <param name="ProtectedInfrastructure">Prefixes that are never touched, neither whole nor in part.</param>
/// <param name="AllowedSources">Sources that no rule may name.</param>
/// <param name="KillSwitchEngaged">Nothing at all is put into the network.</param>
internal sealed record SafetyRails(
    int WidestIPv4,
    int WidestIPv6,
    IReadOnlyList<IPNetwork> ProtectedInfrastructure,
    IReadOnlyList<IPNetwork> AllowedSources,
    bool KillSwitchEngaged)
{
    /// <summary>Hard limits, whatever a setting or a policy says: nothing wider is ever touched.</summary>
    public const int HardWidestIPv4 = 24;
    public const int HardWidestIPv6 = 48;

    /// <summary>Hard limits of allow-lists: what is wider holds so much of the Internet that the defence would let the attack through.</summary>
    public const int WidestAllowedIPv4 = 12;
    public const int WidestAllowedIPv6 = 28;
    public const int MostAllowed = 100;

    /// <summary>Countermeasures that one request by hand may become, with what lets allowed sources through.</summary>
    public const int MostAtOnce = 500;

    /// <summary>Greatest rate limit in bytes per second; what is above would limit nothing, and kernels count only so far.</summary>
    public const long GreatestLimit = 1_000_000_000_000;

    /// <summary>Whether a source may be let through always.</summary>
    public static bool MayBeAllowed(IPNetwork source) =>
        source.PrefixLength >= (IsIPv4(source) ? WidestAllowedIPv4 : WidestAllowedIPv6) && !PrefixText.IsOddIPv6(source.BaseAddress);

    /// <summary>
    /// What the last gate before the network asks once more, whatever the streams and views say: the hard limits, the tenant's own, and whether it
    /// touches protected infrastructure.
    /// </summary>
    public bool LetsOut(CountermeasureSpec spec) =>
        WithinHardLimits(spec)
        && spec.Prefix.PrefixLength >= WidestFor(spec.Prefix)
        && (spec.Kind is not CountermeasureKind.Blackhole || IsHost(spec.Prefix))
        && !ProtectedInfrastructure.Any(it => Overlap(it, spec.Prefix));

    /// <summary>Whether a prefix is within the hard limits; the last gate before the network asks it once more.</summary>
    public static bool WithinHardLimits(IPNetwork prefix) =>
        prefix.PrefixLength >= (IsIPv4(prefix) ? HardWidestIPv4 : HardWidestIPv6) && !prefix.BaseAddress.IsIPv4MappedToIPv6;

    /// <summary>The same of all that a countermeasure is about.</summary>
    public static bool WithinHardLimits(CountermeasureSpec spec) =>
        WithinHardLimits(spec.Prefix) && (spec.Rule is not { } rule || Covers(spec.Prefix, rule.Destination));

    /// <summary>Why this text is no target that may be defended, in the order in which an operator would want to hear of it; null when it is one.</summary>
    public Rejection? RefusalOfTarget(string text, ContractScope contract, string serviceCode)
    {
        if (!PrefixText.TryRead(text, out var target))
        {
            return TargetMalformed(text);
        }

        if (target.PrefixLength < WidestFor(target))
        {
            return TargetTooWide(target, WidestFor(target));
        }

        if (contract.Ended)
        {
            return ContractEnded(serviceCode);
        }

        if (!contract.Prefixes.Any(own => Covers(own, target)))
        {
            return TargetOutsidePrefixes(target, serviceCode);
        }

        if (ProtectedInfrastructure.Any(it => Overlap(it, target)))
        {
            return TargetIsInfrastructure(target);
        }

        return KillSwitchEngaged ? KillSwitchIsEngaged : null;
    }

    /// <summary>Why this countermeasure may not be put into the network; null when it may.</summary>
    public Rejection? RefusalOf(CountermeasureSpec spec, ContractScope contract, string serviceCode)
    {
        if (RefusalOfTarget(spec.Prefix.ToString(), contract, serviceCode) is { } refusal)
        {
            return refusal;
        }

        if (spec.Kind is CountermeasureKind.Blackhole && !IsHost(spec.Prefix))
        {
            return BlackholeOfMoreThanAHost(spec.Prefix);
        }

        if (spec.Rule is not { } rule)
        {
            return spec.Kind is CountermeasureKind.FlowSpec or CountermeasureKind.Scrubbing ? RuleMalformed("there is none.") : null;
        }

        return RefusalOf(rule, spec.Prefix) ?? spec.Kind switch
        {
            CountermeasureKind.Scrubbing when rule.Action is TrafficAction.Redirect => RuleMalformed("a scrubber redirects nothing."),
            CountermeasureKind.FlowSpec when rule.Action is TrafficAction.SynProxy => RuleMalformed("routers are no SYN proxy."),
            CountermeasureKind.FlowSpec when rule.PerSource => RuleMalformed("routers do not limit each source for itself."),
            _ => null,
        };
    }

    private Rejection? RefusalOf(TrafficRule rule, IPNetwork prefix)
    {
        if (!Covers(prefix, rule.Destination))
        {
            return RuleElsewhere(rule, prefix);
        }

        if (rule.Source is { } source
            && (source.BaseAddress.AddressFamily != rule.Destination.BaseAddress.AddressFamily
                || source.PrefixLength == 0
                || PrefixText.IsOddIPv6(source.BaseAddress)))
        {
            return RuleMalformed($"source {source} is of another family than the destination, or is everything.");
        }

        if (Fault(rule) is { } fault)
        {
            return RuleMalformed(fault); // whatever it does: one rule that the kernel or a router refuses could keep others out
        }

        if (rule.Action is TrafficAction.Accept)
        {
            // It comes before every other rule: whom it names, or what it tells apart, must not be the attack itself.
            return rule.Source is { } passed && MayBeAllowed(passed) || (rule with { Source = null }).IsNarrow ? null : RuleTooBroad(rule);
        }

        if (!rule.IsNarrow)
        {
            return RuleTooBroad(rule);
        }

        return rule.Source is { } named && AllowedSources.Any(allowed => Overlap(allowed, named))
            ? SourceAllowListed(named)
            : null;
    }

    private static string? Fault(TrafficRule rule) => rule switch
    {
        { SourcePort: { } port } when !Within(port, 65_535) => $"source port {port}",
        { DestinationPort: { } port } when !Within(port, 65_535) => $"destination port {port}",
        { PacketLength: { } length } when !Within(length, 65_535) => $"packet length {length}",
        { SourcePort: not null, Protocol: not (TrafficRule.Udp or TrafficRule.Tcp) } => "a source port needs udp or tcp.",
        { DestinationPort: not null, Protocol: not (TrafficRule.Udp or TrafficRule.Tcp) } => "a destination port needs udp or tcp.",
        { TcpFlagsSet: > 0, Protocol: not TrafficRule.Tcp } or { TcpFlagsClear: > 0, Protocol: not TrafficRule.Tcp } => "flags need tcp.",
        { TcpFlagsSet: > 31 } or { TcpFlagsClear: > 31 } => "flags are those of FIN, SYN, RST, PSH and ACK.",
        { TcpFlagsSet: var set, TcpFlagsClear: var clear } when (set & clear) != 0 => "a flag cannot be set and clear.",
        { Action: TrafficAction.SynProxy }
            when rule is not { Protocol: TrafficRule.Tcp, TcpFlagsSet: TrafficRule.Syn, TcpFlagsClear: TrafficRule.Ack, Source: null, PacketLength: null, Fragment: false } =>
            "a SYN proxy is for tcp with SYN set and ACK clear, from everywhere.",
        { Action: TrafficAction.RateLimit or TrafficAction.SynProxy, BytesPerSecond: null or < 1 or > GreatestLimit } =>
            $"a limit needs 1 to {GreatestLimit} bytes per second.",
        { TotalBytesPerSecond: < 1 or > GreatestLimit } => $"a limit of all together is 1 to {GreatestLimit} bytes per second.",
        { Action: TrafficAction.Redirect } when !IsRouteTarget(rule.RedirectTo) => "a redirect needs a route target asn:number.",
        _ => null,
    };

    private static bool IsRouteTarget(string? text) =>
        text?.Split(':') is [var asn, var number] && ushort.TryParse(asn, out _) && uint.TryParse(number, out _);

    private static bool Within(NumberRange range, int most) => range.From >= 0 && range.From <= range.To && range.To <= most;

    private int WidestFor(IPNetwork target) => IsIPv4(target)
        ? Math.Max(WidestIPv4, HardWidestIPv4)
        : Math.Max(WidestIPv6, HardWidestIPv6);

    private static bool IsHost(IPNetwork prefix) => prefix.PrefixLength == (IsIPv4(prefix) ? 32 : 128);

    internal static bool Covers(IPNetwork outer, IPNetwork inner) =>
        outer.PrefixLength <= inner.PrefixLength && outer.Contains(inner.BaseAddress);

    private static bool Overlap(IPNetwork one, IPNetwork other) => Covers(one, other) || Covers(other, one);

    private static bool IsIPv4(IPNetwork prefix) => prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
}
