using System.Net;
using System.Net.Sockets;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>What detection saw of one vector.</summary>
/// <param name="Vector">Name of the vector, for example <c>ntp</c>.</param>
/// <param name="BitsPerSecond">Measured.</param>
/// <param name="PacketsPerSecond">Measured.</param>
/// <param name="ThresholdBitsPerSecond">What was allowed; null when bits are not watched.</param>
/// <param name="ThresholdPacketsPerSecond">What was allowed; null when packets are not watched.</param>
/// <param name="DestinationPort">Where nearly all of it goes; null: to many, or not known.</param>
/// <param name="PacketLength">How long nearly all of its packets are; null: of many lengths, or not known.</param>
internal sealed record VectorEvidence(
    string Vector,
    long BitsPerSecond,
    long PacketsPerSecond,
    long? ThresholdBitsPerSecond = null,
    long? ThresholdPacketsPerSecond = null,
    NumberRange? DestinationPort = null,
    NumberRange? PacketLength = null)
{
    /// <summary>How many times the threshold was measured; 1 when there is none.</summary>
    public double Excess => Math.Max(
        ThresholdBitsPerSecond is > 0 and var bits ? BitsPerSecond / (double)bits : 1,
        ThresholdPacketsPerSecond is > 0 and var packets ? PacketsPerSecond / (double)packets : 1);
}

/// <summary>Means that the network has now: a step that needs others is passed over.</summary>
/// <param name="FlowSpec">Some speaker takes FlowSpec.</param>
/// <param name="Scrubbing">Some scrubber has room, and some speaker can divert to it.</param>
/// <param name="RedirectTo">Route target of FlowSpec redirects; null when there is none.</param>
/// <param name="Pool">Scrubbing pool that has room for the contract; null: whatever the speakers divert to.</param>
/// <param name="SynProxy">All scrubbers that have a part in it answer for the victim until a connection is real.</param>
/// <param name="Diverted">Which addresses some speaker has a scrubber for.</param>
/// <param name="NoRoom">There are pools, and what the contract needs fits into none: nothing of it may be led to the scrubbers.</param>
/// <param name="Returned">Which addresses cleaned traffic of that pool has a way back for.</param>
internal sealed record NetworkMeans(
    bool FlowSpec, bool Scrubbing, string? RedirectTo = null, string? Pool = null, bool SynProxy = false, Families Diverted = Families.IPv4 | Families.IPv6,
    bool NoRoom = false, Families Returned = Families.IPv4 | Families.IPv6)
{
    public bool Diverts(IPNetwork prefix) => RefusalToDivert(prefix) is null;

    /// <summary>Why nothing to this prefix may be led to a scrubber; null when it may.</summary>
    public Rejection? RefusalToDivert(IPNetwork prefix)
    {
        var family = FamilyOf(prefix);
        return !Diverted.HasFlag(family) ? MitigationRejections.NothingDiverts(prefix)
            : !Returned.HasFlag(family) ? MitigationRejections.NoWayBack(prefix)
            : null;
    }

    public static Families FamilyOf(IPNetwork prefix) =>
        prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? Families.IPv4 : Families.IPv6;
}

[Flags]
internal enum Families
{
    None = 0,
    IPv4 = 1,
    IPv6 = 2,
}

/// <summary>From what was seen to what is done about it. Pure.</summary>
internal static class DefensePlan
{
    /// <summary>The first step at or after <paramref name="from"/> that the network can take and the evidence allows; null when none is left.</summary>
    /// <param name="target">What is attacked.</param>
    /// <param name="evidence">What detection saw.</param>
    /// <param name="policy">How it is defended.</param>
    /// <param name="means">What the network can do now.</param>
    /// <param name="from">Index of the first step that is looked at.</param>
    /// <param name="atLeast">How grave the attack is taken to be at least.</param>
    public static PlannedStep? Next(
        IPNetwork target,
        IReadOnlyList<VectorEvidence> evidence,
        DefensePolicy policy,
        NetworkMeans means,
        int from,
        Severity atLeast = Severity.Low)
    {
        var severity = (Severity)Math.Max((int)SeverityOf(evidence), (int)atLeast);
        for (var index = from; index < policy.Steps.Count; index++)
        {
            var step = policy.Steps[index];
            if (severity < step.FromSeverity)
            {
                continue;
            }

            var specs = SpecsOf(step.Kind, target, evidence, means);
            if (specs.Count > 0)
            {
                return new PlannedStep(index, WithAllowed(specs, policy.AllowedSources));
            }
        }

        return null;
    }

    /// <summary>From how far the greatest excess is above its threshold.</summary>
    public static Severity SeverityOf(IReadOnlyList<VectorEvidence> evidence) =>
        evidence.Select(vector => vector.Excess).DefaultIfEmpty(1).Max() switch
        {
            < 2 => Severity.Low,
            < 5 => Severity.Medium,
            < 20 => Severity.High,
            _ => Severity.Critical,
        };

    /// <summary>
    /// With what lets allowed sources through before each rule, at the same place. It is first everywhere: of two rules in routers the one with a
    /// source comes first (RFC 8955, section 5.1), scrubbers ask for it first.
    /// </summary>
    public static IReadOnlyList<CountermeasureSpec> WithAllowed(IReadOnlyList<CountermeasureSpec> specs, IReadOnlyList<IPNetwork> allowedSources) =>
    [
        .. (from spec in specs
            where spec.Rule is not null && !spec.IsAllowance
            from source in allowedSources
            let destination = spec.Rule!.Destination
            where source.BaseAddress.AddressFamily == destination.BaseAddress.AddressFamily
            select spec with { Rule = new TrafficRule(destination, TrafficAction.Accept, source) }).Distinct(),
        .. specs,
    ];

    private static IReadOnlyList<CountermeasureSpec> SpecsOf(
        DefenseStepKind kind, IPNetwork target, IReadOnlyList<VectorEvidence> evidence, NetworkMeans means)
    {
        switch (kind)
        {
            case DefenseStepKind.Blackhole:
                return IsHost(target) ? [new CountermeasureSpec(CountermeasureKind.Blackhole, target)] : [];
            case DefenseStepKind.Diversion when means.Scrubbing && means.Diverts(target):
                return [new CountermeasureSpec(CountermeasureKind.Diversion, target)];
            case DefenseStepKind.Scrubbing when means.Scrubbing && means.Diverts(target):
                var filters = PerSource(Rules(TrafficAction.Discard, target, evidence, means), means);
                return filters.Count == 0
                    ? []
                    :
                    [
                        new CountermeasureSpec(CountermeasureKind.Diversion, target),
                        .. filters.Select(rule => new CountermeasureSpec(CountermeasureKind.Scrubbing, target, rule)),
                    ];
            case DefenseStepKind.FlowSpecDiscard when means.FlowSpec:
                return FlowSpec(TrafficAction.Discard);
            case DefenseStepKind.FlowSpecRateLimit when means.FlowSpec:
                return FlowSpec(TrafficAction.RateLimit);
            case DefenseStepKind.FlowSpecRedirect when means is { FlowSpec: true, RedirectTo: not null }:
                return FlowSpec(TrafficAction.Redirect);
            default:
                return [];
        }

        IReadOnlyList<CountermeasureSpec> FlowSpec(TrafficAction action) =>
        [
            .. Rules(action, target, evidence, means, byShape: true).Select(rule => new CountermeasureSpec(CountermeasureKind.FlowSpec, target, rule)),
        ];
    }

    /// <summary>
    /// One rule for each vector over its threshold, as narrow as its name says. A broad vector says less than the narrow ones inside it
    /// and would hit everybody: where narrow evidence is there it is left out, and alone it is limited to its threshold instead of discarded.
    /// </summary>
    private static IReadOnlyList<TrafficRule> Rules(
        TrafficAction action, IPNetwork target, IReadOnlyList<VectorEvidence> evidence, NetworkMeans means, bool byShape = false)
    {
        var isIPv4 = target.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
        var known = evidence.Where(vector => VectorMatches.For(vector.Vector, target, isIPv4) is not null).ToList();
        var narrow = known.Where(vector => !VectorMatches.IsBroad(vector.Vector)).ToList();
        return
        [
            .. from vector in narrow.Count > 0 ? narrow : known
               let whole = VectorMatches.For(vector.Vector, target, isIPv4)!
               let match = byShape ? Shaped(whole, vector) : whole
               let chosen = action is TrafficAction.Discard && VectorMatches.IsBroad(vector.Vector) ? TrafficAction.RateLimit : action
               select chosen switch
               {
                   TrafficAction.RateLimit => match with { Action = chosen, BytesPerSecond = Allowance(vector) },
                   TrafficAction.Redirect => match with { Action = chosen, RedirectTo = means.RedirectTo },
                   _ => match with { Action = chosen },
               },
        ];
    }

    /// <summary>
    /// A broad vector in routers says ports and lengths too, where nearly all of it has the same: so much less of what is honest is in it. Not at
    /// scrubbers: what changes its shape to slip past the routers meets all of the vector there.
    /// </summary>
    private static TrafficRule Shaped(TrafficRule rule, VectorEvidence vector) => !VectorMatches.IsBroad(vector.Vector)
        ? rule
        : rule with
        {
            DestinationPort = rule is { Protocol: TrafficRule.Udp or TrafficRule.Tcp, SourcePort: null } ? vector.DestinationPort : null,
            PacketLength = vector.PacketLength,
        };

    /// <summary>
    /// At a scrubber what is limited is limited for each source too, so that a loud one does not use up what all may have together. The template:
    /// a hundredth of all, at least what a lively host sends.
    /// </summary>
    private static IReadOnlyList<TrafficRule> PerSource(IReadOnlyList<TrafficRule> rules, NetworkMeans means)
    {
        // Limits cannot tell spoofed connection attempts from real ones, a proxy can.
        var proxied = rules.Where(rule => means.SynProxy && rule is { TcpFlagsSet: TrafficRule.Syn, TcpFlagsClear: TrafficRule.Ack }).ToList();
        var others = rules.Except(proxied).ToList();
        return
        [
            .. others.Where(rule => rule.Action is TrafficAction.RateLimit).Select(rule => rule with
            {
                PerSource = true,
                BytesPerSecond = Math.Max(VectorMatches.LivelyHost(rule), rule.BytesPerSecond!.Value / 100),
            }),
            .. others,
            .. proxied.Select(rule => rule with { Action = TrafficAction.SynProxy, BytesPerSecond = VectorMatches.LivelyHost(rule) }),
        ];
    }

    /// <summary>What the vector may have: its threshold, in bytes per second; at least 1,000.</summary>
    private static long Allowance(VectorEvidence vector)
    {
        var bytes = vector.ThresholdBitsPerSecond / 8
            ?? (vector.PacketsPerSecond > 0 && vector.ThresholdPacketsPerSecond is { } packets
                ? (long)(vector.BitsPerSecond / 8.0 / vector.PacketsPerSecond * packets)
                : 0);
        return Math.Clamp(bytes, 1_000, SafetyRails.GreatestLimit);
    }

    private static bool IsHost(IPNetwork target) =>
        target.PrefixLength == (target.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? 32 : 128);
}

/// <param name="Index">Which step of the policy.</param>
/// <param name="Specs">What it puts into the network; never empty.</param>
internal sealed record PlannedStep(int Index, IReadOnlyList<CountermeasureSpec> Specs)
{
    /// <summary>What it takes of the caps: all but what only lets allowed sources through, which comes with the rest and harms nobody.</summary>
    public int Slots => Specs.Count(spec => !spec.IsAllowance);
}

/// <summary>What each vector of detection says about its packets.</summary>
internal static class VectorMatches
{
    private const byte Syn = TrafficRule.Syn, Rst = 4, Ack = TrafficRule.Ack;

    private static readonly Dictionary<string, int> AmplifiedFromPort = new()
    {
        ["dns"] = 53,
        ["ntp"] = 123,
        ["ssdp"] = 1900,
        ["cldap"] = 389,
        ["memcached"] = 11211,
        ["chargen"] = 19,
        ["snmp"] = 161,
        ["portmap"] = 111,
        ["netbios"] = 137,
        ["mssql"] = 1434,
        ["rip"] = 520,
        ["qotd"] = 17,
        ["tftp"] = 69,
        ["mdns"] = 5353,
        ["ws-discovery"] = 3702,
        ["l2tp"] = 1701,
        ["arms"] = 3283,
    };

    /// <summary>Vectors that most honest traffic is part of too.</summary>
    public static bool IsBroad(string vector) => vector is "udp" or "icmp" or "tcp-syn" or "tcp-ack" or "tcp-rst" or "dns";

    /// <summary>What one honest, lively host sends of it at most, in bytes per second: 50 connection attempts, echo requests or resets; a call of 1 Mbit/s.</summary>
    public static long LivelyHost(TrafficRule rule) => rule switch
    {
        { TcpFlagsSet: Syn or Rst } or { Protocol: 1 or 58 } => 3_000,
        _ => 125_000,
    };

    /// <summary>A discard rule for the vector's packets; null when the name says nothing that a filter could tell apart.</summary>
    public static TrafficRule? For(string vector, IPNetwork target, bool isIPv4)
    {
        var rule = new TrafficRule(target, TrafficAction.Discard);
        if (AmplifiedFromPort.TryGetValue(vector, out var port))
        {
            return rule with { Protocol = TrafficRule.Udp, SourcePort = NumberRange.Of(port) };
        }

        return vector switch
        {
            "udp" => rule with { Protocol = TrafficRule.Udp },
            "icmp" => rule with { Protocol = (byte)(isIPv4 ? 1 : 58) },
            "tcp-syn" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Syn, TcpFlagsClear = Ack },
            "tcp-syn-ack" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Syn | Ack },
            "tcp-ack" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Ack, TcpFlagsClear = Syn | Rst },
            "tcp-rst" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsSet = Rst },
            "tcp-null" => rule with { Protocol = TrafficRule.Tcp, TcpFlagsClear = 0x1F },
            "fragment" => rule with { Fragment = true },
            "gre" => rule with { Protocol = 47 },
            "ip-null" => rule with { Protocol = 0 },
            _ => null,
        };
    }
}
