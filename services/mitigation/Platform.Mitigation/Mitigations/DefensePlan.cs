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
/// <param name="FlowsPerSecond">Measured; null when not told.</param>
/// <param name="ThresholdFlowsPerSecond">What was allowed; null when flows are not watched.</param>
/// <param name="UsualBitsPerSecond">What is usual at this hour; null while nothing is learned.</param>
/// <param name="SourcePort">Where nearly all of it comes from; null: from many, or not known.</param>
/// <param name="MostBitsPerSecond">The most that was told of it, where that is more than what was measured last; null: it is not.</param>
/// <param name="Prefixes">What it is spread over where that is more than the target; null: the target alone.</param>
/// <param name="Protocol">IP protocol of nearly all of it; null: of many, or not known.</param>
internal sealed record VectorEvidence(
    string Vector,
    long BitsPerSecond,
    long PacketsPerSecond,
    long? ThresholdBitsPerSecond = null,
    long? ThresholdPacketsPerSecond = null,
    NumberRange? DestinationPort = null,
    NumberRange? PacketLength = null,
    long? FlowsPerSecond = null,
    long? ThresholdFlowsPerSecond = null,
    long? UsualBitsPerSecond = null,
    NumberRange? SourcePort = null,
    long? MostBitsPerSecond = null,
    IReadOnlyList<AttackedPrefix>? Prefixes = null,
    byte? Protocol = null)
{
    /// <summary>What it had without a defence, as far as it was told: what is measured of it later may be what a defence leaves.</summary>
    public long MostBits => Math.Max(BitsPerSecond, MostBitsPerSecond ?? 0);

    /// <summary>How many times the threshold was measured; 1 when there is none.</summary>
    public double Excess => new[]
    {
        1,
        ThresholdBitsPerSecond is > 0 and var bits ? BitsPerSecond / (double)bits : 1,
        ThresholdPacketsPerSecond is > 0 and var packets ? PacketsPerSecond / (double)packets : 1,
        ThresholdFlowsPerSecond is > 0 and var flows && FlowsPerSecond is { } seen ? seen / (double)flows : 1,
    }.Max();

    /// <summary>
    /// What it may have, in bits per second: the least of its thresholds. One in packets or flows counts by the size of those that were seen, so that a flood of
    /// short ones is held down too, but no less than is usual. Half of what was seen where nothing says what is allowed.
    /// </summary>
    public double AllowedBits
    {
        get
        {
            var usual = (double)(UsualBitsPerSecond ?? 0);
            return new double?[]
            {
                ThresholdBitsPerSecond,
                ThresholdPacketsPerSecond is { } packets && PacketsPerSecond > 0 ? Math.Max((double)BitsPerSecond * packets / PacketsPerSecond, usual) : null,
                ThresholdFlowsPerSecond is { } flows && FlowsPerSecond is > 0 and var seen ? Math.Max((double)BitsPerSecond * flows / seen, usual) : null,
            }.Min() ?? Math.Max(BitsPerSecond / 2.0, usual);
        }
    }
}

/// <summary>One of several prefixes that are attacked together.</summary>
/// <param name="Prefix">A host or a block.</param>
/// <param name="Share">Of the attack, 0 to 1; 0: not any more.</param>
internal sealed record AttackedPrefix(IPNetwork Prefix, double Share);

/// <summary>Means that the network has now: a step that needs others is passed over.</summary>
/// <param name="FlowSpec">Some speaker takes FlowSpec.</param>
/// <param name="Scrubbing">Some scrubber has room, and some speaker can divert to it.</param>
/// <param name="RedirectTo">Route target of FlowSpec redirects; null when there is none.</param>
/// <param name="Pool">Scrubbing pool that has room for the contract; null: whatever the speakers divert to.</param>
/// <param name="SynProxy">All scrubbers that have a part in it answer for the victim until a connection is real.</param>
/// <param name="Diverted">Which addresses some speaker has a scrubber for.</param>
/// <param name="NoRoom">There are pools, and what the contract needs fits into none: nothing of it may be led to the scrubbers.</param>
/// <param name="Returned">Which addresses cleaned traffic of that pool has a way back for.</param>
/// <param name="ScrubbersAway">There is room, and nobody: no agent of the pool was heard a moment ago, or of no pool that has room.</param>
/// <param name="ScrubbersUnheard">That may be only because this service just started, and they had no time yet to be heard.</param>
internal sealed record NetworkMeans(
    bool FlowSpec, bool Scrubbing, string? RedirectTo = null, string? Pool = null, bool SynProxy = false, Families Diverted = Families.IPv4 | Families.IPv6,
    bool NoRoom = false, Families Returned = Families.IPv4 | Families.IPv6, bool ScrubbersAway = false,
    bool ScrubbersUnheard = false)
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
    private const double LeastOfEqual = 0.25; // of an equal part

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

            var targets = TargetsOf(target, evidence);
            var each = targets.Select(one => SpecsOf(step.Kind, one, targets.Count == 1 ? evidence : PartOf(one, targets, evidence), means)).ToList();
            List<CountermeasureSpec> specs = [.. each.SelectMany(ofOne => ofOne)];
            if (each.All(ofOne => ofOne.Count > 0)) // a step that leaves some of them undefended is none
            {
                return new PlannedStep(index, WithAllowed(specs, policy.AllowedSources));
            }
        }

        return null;
    }

    /// <summary>What is attacked: the prefixes that detection names, without those inside another one; the target where it names none.</summary>
    public static IReadOnlyList<IPNetwork> TargetsOf(IPNetwork target, IReadOnlyList<VectorEvidence> evidence)
    {
        var named = evidence.SelectMany(vector => vector.Prefixes ?? []).OrderByDescending(it => it.Share).Select(it => it.Prefix).Distinct().ToList();
        return named.Count == 0 ? [target] : [.. named.Where(it => !named.Any(wider => !wider.Equals(it) && SafetyRails.Covers(wider, it)))];
    }

    /// <summary>One prefix's part of what was seen and of what is allowed, so that all limits together let no more through than one would.</summary>
    private static IReadOnlyList<VectorEvidence> PartOf(IPNetwork prefix, IReadOnlyList<IPNetwork> all, IReadOnlyList<VectorEvidence> evidence)
    {
        return
        [
            .. from vector in evidence
               let share = Weight(vector, prefix) / all.Sum(one => Weight(vector, one))
               select vector with
               {
                   BitsPerSecond = (long)(vector.BitsPerSecond * share),
                   PacketsPerSecond = (long)(vector.PacketsPerSecond * share),
                   ThresholdBitsPerSecond = (long?)(vector.ThresholdBitsPerSecond * share),
                   ThresholdPacketsPerSecond = (long?)(vector.ThresholdPacketsPerSecond * share),
                   FlowsPerSecond = (long?)(vector.FlowsPerSecond * share),
                   ThresholdFlowsPerSecond = (long?)(vector.ThresholdFlowsPerSecond * share),
                   UsualBitsPerSecond = (long?)(vector.UsualBitsPerSecond * share),
                   MostBitsPerSecond = (long?)(vector.MostBitsPerSecond * share),
               },
        ];

        // Who has little of it, or none any more, has honest traffic too.
        double Weight(VectorEvidence vector, IPNetwork one) =>
            Math.Max(vector.Prefixes?.FirstOrDefault(it => it.Prefix.Equals(one))?.Share ?? 0, LeastOfEqual / all.Count);
    }

    /// <summary>
    /// Whether another step follows when scrubbers are heard, and they had no time yet: to decide now would refuse an attack, or answer it with a wider step, only
    /// because this service just started.
    /// </summary>
    public static bool HingesOnTheUnheard(
        IPNetwork target, IReadOnlyList<VectorEvidence> evidence, Defense defense, int from = 0, Severity atLeast = Severity.Low) =>
        defense.Means.ScrubbersUnheard
        && Next(target, evidence, defense.Policy, defense.Means, from, atLeast)?.Index
            != Next(target, evidence, defense.Policy, defense.Means with { Scrubbing = true }, from, atLeast)?.Index;

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
                var filters = PerSource([.. ToldApart(target, evidence).SelectMany(AtScrubbers)], means);
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
            .. ToldApart(target, evidence).Select(it => new CountermeasureSpec(CountermeasureKind.FlowSpec, target, InRouters(action, it, means))),
        ];
    }

    /// <summary>Names of the vectors that rules answer, each by itself; what they explain has no rule, and what no filter can tell apart.</summary>
    public static IReadOnlyList<string> Answered(IPNetwork target, IReadOnlyList<VectorEvidence> evidence) =>
        [.. ToldApart(target, evidence).Select(it => it.Seen.Vector).Distinct()];

    /// <summary>The vectors over their threshold, each with what its name says of the packets.</summary>
    private static IEnumerable<ToldVector> ToldApart(IPNetwork target, IReadOnlyList<VectorEvidence> evidence)
    {
        var isIPv4 = target.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
        var known = (from vector in evidence
                     from match in VectorMatches.For(vector.Vector, target, isIPv4, vector.SourcePort, vector.Protocol)
                     select new ToldVector(vector, match)).ToList();
        return known.Where(it => !IsExplained(it, known));
    }

    /// <summary>
    /// A broad vector says less than the narrow ones inside it, and would hit everybody: where these leave no more of it than it may have, it is left out. A
    /// little of a narrow one explains nothing.
    /// </summary>
    private static bool IsExplained(ToldVector broad, IReadOnlyList<ToldVector> known)
    {
        var (seen, inside) = (broad.Seen, known.Where(it => !it.IsBroad && VectorMatches.IsService(it.Seen.Vector)).Select(it => it.Seen).ToList());
        var rest = seen with
        {
            BitsPerSecond = seen.BitsPerSecond - inside.Sum(it => it.BitsPerSecond),
            PacketsPerSecond = seen.PacketsPerSecond - inside.Sum(it => it.PacketsPerSecond),
            FlowsPerSecond = seen.FlowsPerSecond - inside.Sum(it => it.FlowsPerSecond ?? 0),
        };
        return seen.Vector == VectorMatches.Udp && inside.Count > 0 && rest.Excess <= 1;
    }

    /// <summary>What nearly all of it has in common is said too, ports and lengths: so much less of what is honest is in it.</summary>
    private static TrafficRule InRouters(TrafficAction action, ToldVector it, NetworkMeans means) => action switch
    {
        TrafficAction.RateLimit => Limited(it.Shaped, it.Seen),
        TrafficAction.Redirect => it.Shaped with { Action = action, RedirectTo = means.RedirectTo },
        _ when it.IsBroad => Limited(it.Shaped, it.Seen),

        // Lengths of flows are averages, or of frames: a discard by length that misses would be seen by nobody, and the port is narrow enough.
        _ => it.Shaped with { PacketLength = null },
    };

    /// <summary>
    /// What changes its shape to slip past the routers meets all of the vector here: what of a narrow one has not the shape, as honest answers, is limited
    /// to the threshold, and so is all of a broad one.
    /// </summary>
    private static IEnumerable<TrafficRule> AtScrubbers(ToldVector it) =>
        it.IsBroad ? [Limited(it.Whole, it.Seen)]
        : it.Shaped == it.Whole ? [it.Whole]
        : [it.Shaped, Limited(it.Whole, it.Seen)];

    private static TrafficRule Limited(TrafficRule rule, VectorEvidence vector) =>
        rule with { Action = TrafficAction.RateLimit, BytesPerSecond = (long)Math.Clamp(vector.AllowedBits / 8, 1_000, SafetyRails.GreatestLimit) };

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
            .. proxied.Select(rule => rule with { Action = TrafficAction.SynProxy, BytesPerSecond = VectorMatches.LivelyHost(rule), TotalBytesPerSecond = rule.BytesPerSecond }),
        ];
    }

    private static bool IsHost(IPNetwork target) =>
        target.PrefixLength == (target.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? 32 : 128);
}

/// <param name="Seen">What detection saw of the vector.</param>
/// <param name="Whole">A discard rule for all of it.</param>
internal sealed record ToldVector(VectorEvidence Seen, TrafficRule Whole)
{
    public bool IsBroad => VectorMatches.IsBroad(Seen.Vector);

    /// <summary>
    /// Only what has the ports and the length that nearly all of it has. Where answers go to the attacker chooses anew each second; of which length they are
    /// their senders do, so of an amplification the length counts and the destination port does not.
    /// </summary>
    public TrafficRule Shaped => VectorMatches.IsNeverHonest(Seen.Vector) ? Whole : Whole with
    {
        SourcePort = Whole.SourcePort ?? (HasPorts ? Seen.SourcePort : null),
        DestinationPort = HasPorts && Whole.SourcePort is null ? Seen.DestinationPort : null,
        PacketLength = Seen.PacketLength,
    };

    private bool HasPorts => Whole.Protocol is TrafficRule.Udp or TrafficRule.Tcp;
}

/// <param name="Index">Which step of the policy.</param>
/// <param name="Specs">What it puts into the network; never empty.</param>
internal sealed record PlannedStep(int Index, IReadOnlyList<CountermeasureSpec> Specs)
{
    public Room Room => Room.For(Specs);
}
