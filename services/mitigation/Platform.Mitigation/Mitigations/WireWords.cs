using System.Net;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Mitigations;

/// <summary>The words of the gRPC surface in ours and back. What makes no sense is a refusal; whether it is allowed is the rails' matter.</summary>
internal static class WireWords
{
    private static readonly Dictionary<string, CountermeasureKind> Kinds =
        Enum.GetValues<CountermeasureKind>().ToDictionary(MitigationPublications.KindOf);

    private static readonly Dictionary<string, TrafficAction> Actions = new()
    {
        ["discard"] = TrafficAction.Discard,
        ["rate-limit"] = TrafficAction.RateLimit,
        ["redirect"] = TrafficAction.Redirect,
        ["accept"] = TrafficAction.Accept,
        ["syn-proxy"] = TrafficAction.SynProxy,
    };

    private static readonly Dictionary<string, DefenseStepKind> Steps = new()
    {
        ["flowspec-rate-limit"] = DefenseStepKind.FlowSpecRateLimit,
        ["flowspec-discard"] = DefenseStepKind.FlowSpecDiscard,
        ["flowspec-redirect"] = DefenseStepKind.FlowSpecRedirect,
        ["scrubbing"] = DefenseStepKind.Scrubbing,
        ["diversion"] = DefenseStepKind.Diversion,
        ["blackhole"] = DefenseStepKind.Blackhole,
    };

    private static readonly Dictionary<string, EnforcementMode> Modes = new()
    {
        ["automatic"] = EnforcementMode.Automatic,
        ["after-approval"] = EnforcementMode.AfterApproval,
        ["dry-run"] = EnforcementMode.DryRun,
    };

    private static readonly Dictionary<string, Severity> Severities = new()
    {
        [""] = Severity.Low,
        ["low"] = Severity.Low,
        ["medium"] = Severity.Medium,
        ["high"] = Severity.High,
        ["critical"] = Severity.Critical,
    };

    /// <summary>1 to 50 countermeasures.</summary>
    public static (IReadOnlyList<CountermeasureSpec> Specs, Rejection? Refusal) Read(
        IReadOnlyList<Wire.CountermeasureSpec> wire, string? redirectTo)
    {
        if (wire.Count is 0 or > 50)
        {
            return ([], MitigationRejections.RuleMalformed("1 to 50 countermeasures are needed."));
        }

        var specs = new List<CountermeasureSpec>();
        foreach (var it in wire)
        {
            if (!Kinds.TryGetValue(it.Kind, out var kind))
            {
                return ([], MitigationRejections.RuleMalformed($"there is no kind '{it.Kind}'."));
            }

            if (!PrefixText.TryRead(it.Prefix, out var prefix))
            {
                return ([], MitigationRejections.TargetMalformed(it.Prefix));
            }

            var hasRule = kind is CountermeasureKind.FlowSpec or CountermeasureKind.Scrubbing;
            if (hasRule != (it.Rule is not null))
            {
                return ([], MitigationRejections.RuleMalformed($"{it.Kind} {(hasRule ? "needs" : "takes no")} rule."));
            }

            if (it.Rule is null)
            {
                specs.Add(new CountermeasureSpec(kind, prefix));
                continue;
            }

            IPNetwork source = default;
            if (!Actions.TryGetValue(it.Rule.Action, out var action) || (it.Rule.Source.Length > 0 && !PrefixText.TryRead(it.Rule.Source, out source))
                || it.Rule.Protocol > 255 || it.Rule.TcpFlagsSet > 31 || it.Rule.TcpFlagsClear > 31)
            {
                return ([], MitigationRejections.RuleMalformed("action, source, protocol or flags are out of range."));
            }

            specs.Add(new CountermeasureSpec(kind, prefix, new TrafficRule(
                prefix,
                action,
                it.Rule.Source.Length > 0 ? source : null,
                it.Rule.HasProtocol ? (byte)it.Rule.Protocol : null,
                Range(it.Rule.SourcePort),
                Range(it.Rule.DestinationPort),
                Range(it.Rule.PacketLength),
                (byte)it.Rule.TcpFlagsSet,
                (byte)it.Rule.TcpFlagsClear,
                it.Rule.Fragment,
                action is TrafficAction.RateLimit or TrafficAction.SynProxy ? it.Rule.BytesPerSecond : null,
                action is TrafficAction.Redirect ? redirectTo : null,
                it.Rule.PerSource,
                action is TrafficAction.SynProxy && it.Rule.TotalBytesPerSecond != 0 ? it.Rule.TotalBytesPerSecond : null)));
        }

        return (specs, null);
    }

    public static (DefensePolicy? Policy, Rejection? Refusal) Read(Wire.DefensePolicy? wire)
    {
        if (wire is null
            || !Modes.TryGetValue(wire.Mode, out var mode)
            || !wire.Steps.All(step => Steps.ContainsKey(step.Kind) && Severities.ContainsKey(step.FromSeverity))
            || !wire.AllowedSources.All(source => PrefixText.TryRead(source, out _)))
        {
            return (null, MitigationRejections.RuleMalformed("mode, step, severity or allowed source is unknown."));
        }

        return (new DefensePolicy(
            [
                .. wire.Steps.Select(step => new DefenseStep(
                    Steps[step.Kind],
                    TimeSpan.FromSeconds(Math.Clamp(step.PatienceSeconds, 0, 1_000_000)),
                    step is { Kind: "blackhole", FromSeverity: "" } ? DefenseStep.GraveEnoughForABlackhole : Severities[step.FromSeverity])),
            ],
            mode,
            [.. wire.AllowedSources.Select(IPNetwork.Parse)]), null);
    }

    public static Wire.Rule Write(TrafficRule rule)
    {
        var wire = new Wire.Rule
        {
            Action = Actions.Single(it => it.Value == rule.Action).Key,
            Source = rule.Source?.ToString() ?? "",
            SourcePort = Range(rule.SourcePort),
            DestinationPort = Range(rule.DestinationPort),
            PacketLength = Range(rule.PacketLength),
            TcpFlagsSet = rule.TcpFlagsSet,
            TcpFlagsClear = rule.TcpFlagsClear,
            Fragment = rule.Fragment,
            BytesPerSecond = rule.BytesPerSecond ?? 0,
            PerSource = rule.PerSource,
            TotalBytesPerSecond = rule.TotalBytesPerSecond ?? 0,
        };
        if (rule.Protocol is { } protocol)
        {
            wire.Protocol = protocol;
        }

        return wire;
    }

    public static string Write(EnforcementMode mode) => Modes.Single(it => it.Value == mode).Key;

    public static Wire.DefensePolicy Write(DefensePolicy policy) => new()
    {
        Mode = Write(policy.Mode),
        AllowedSources = { policy.AllowedSources.Select(source => source.ToString()) },
        Steps =
        {
            policy.Steps.Select(step => new Wire.DefenseStep
            {
                Kind = Steps.Single(it => it.Value == step.Kind).Key,
                PatienceSeconds = (long)step.Patience.TotalSeconds,
                FromSeverity = Severities.Last(it => it.Value == step.FromSeverity).Key,
            }),
        },
    };

    private static Wire.NumberRange? Range(NumberRange? range) =>
        range is null ? null : new Wire.NumberRange { From = (uint)range.From, To = (uint)range.To };

    private static NumberRange? Range(Wire.NumberRange? range) =>
        range is null ? null : new NumberRange((int)Math.Min(range.From, 100_000), (int)Math.Min(range.To, 100_000));
}
