using System.Diagnostics;
using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Mitigation.V1;

namespace Platform.Mitigation.Mitigations;

/// <summary>What neighbours may know. An event without a case here stays inside the service.</summary>
internal sealed class MitigationPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        // By hand and against no anomaly, or by order: there is no incident that it would belong to.
        MitigationStarted { AnomalyId: var none, Against: null } when none == Guid.Empty => null,
        CountermeasureAnnounced { Scope: var scope } when IncidentOf(scope) == Guid.Empty => null,
        CountermeasureWithdrawn { Scope: var scope } when IncidentOf(scope) == Guid.Empty => null,
        EffectMeasured { Scope: var scope } when IncidentOf(scope) == Guid.Empty => null,
        MitigationEnded { Scope: var scope } when IncidentOf(scope) == Guid.Empty => null,
        MitigationStarted e => new Published.MitigationStarted
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.ServiceCode,
            MitigationId = e.MitigationId,
            AnomalyId = e.Against ?? e.AnomalyId,
            Target = e.Target.ToString(),
            StartedAt = e.StartedAt,
            Mode = WireWords.Write(e.Mode),
            ByHand = e.AnomalyId == Guid.Empty,
        },
        // What only lets through asks nobody: it comes along with what is approved.
        CountermeasureProposed { Scope: { } scope, Rule: not { Action: TrafficAction.Accept } } e => new Published.CountermeasureProposed
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = scope.ServiceCode,
            MitigationId = scope.MitigationId,
            AnomalyId = IncidentOf(scope),
            CountermeasureId = e.CountermeasureId,
            Kind = KindOf(e.Kind),
            Route = e.Rule?.ToString() ?? e.Prefix.ToString(),
            ProposedAt = e.ProposedAt,
        },
        CountermeasureAnnounced e => new Published.CountermeasureAnnounced
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            CountermeasureId = e.CountermeasureId,
            Kind = KindOf(e.Kind),
            Route = e.Route,
            Speaker = e.Speaker,
            AnnouncedAt = e.AnnouncedAt,
            IsAllowance = e.IsAllowance,
        },
        EffectMeasured e => new Published.CountermeasureMeasured
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            CountermeasureId = e.CountermeasureId,
            Verdict = e.Effect.Verdict,
            Words = e.Effect.Words,
            BeforeBitsPerSecond = e.Effect.BeforeBitsPerSecond,
            DuringBitsPerSecond = e.Effect.DuringBitsPerSecond,
            AfterBitsPerSecond = e.Effect.AfterBitsPerSecond,
            DroppedPackets = e.Effect.DroppedPackets,
            DroppedBytes = e.Effect.DroppedBytes,
            PassedPackets = e.Effect.PassedPackets,
            PassedBytes = e.Effect.PassedBytes,
            MeasuredAt = e.MeasuredAt,
        },
        CountermeasureWithdrawn e => new Published.CountermeasureWithdrawn
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            CountermeasureId = e.CountermeasureId,
            Reason = ReasonOf(e.Reason), // what an operator wrote stays with us
            WithdrawnAt = e.WithdrawnAt,
        },
        MitigationEnded e => new Published.MitigationEnded
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            Result = e.Defended ? "defended" : e.NotHelped ? "not-helped" : "not-defended",
            EndedAt = e.EndedAt,
            ByHand = e.Scope.AnomalyId == Guid.Empty,
        },
        MitigationFailed e => new Published.MitigationFailed
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            Code = e.Code,
            Detail = e.Detail,
            FailedAt = e.FailedAt,
        },
        StepRefused e => new Published.MitigationStepRefused
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = IncidentOf(e.Scope),
            Code = e.Code,
            Detail = e.Detail,
            RefusedAt = e.RefusedAt,
        },
        _ => null,
    };

    public static string KindOf(CountermeasureKind kind) => kind switch
    {
        CountermeasureKind.Blackhole => "blackhole",
        CountermeasureKind.FlowSpec => "flowspec",
        CountermeasureKind.Diversion => "diversion",
        CountermeasureKind.Scrubbing => "scrubbing",
        _ => throw new UnreachableException($"{kind} has no public name."),
    };

    /// <summary>The incident has the id of the anomaly, by hand of the one that it is against; empty: there is none.</summary>
    private static Guid IncidentOf(MitigationScope scope) => scope.Against ?? scope.AnomalyId;

    private static string ReasonOf(WithdrawalReason reason) => reason switch
    {
        WithdrawalReason.AnomalyEnded => "anomaly-ended",
        WithdrawalReason.Operator => "operator",
        WithdrawalReason.ContractEnded => "contract-ended",
        WithdrawalReason.Expired => "expired",
        WithdrawalReason.KillSwitch => "kill-switch",
        WithdrawalReason.ScrubbersGone => "scrubbers-gone",
        WithdrawalReason.ScrubbersBack => "scrubbers-back",
        WithdrawalReason.DryRun => "dry-run",
        WithdrawalReason.Rails => "rails",
        _ => throw new UnreachableException($"{reason} has no public name."),
    };
}
