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
        // By hand without an anomaly: there is no incident that it would belong to.
        MitigationStarted { AnomalyId: var none } when none == Guid.Empty => null,
        CountermeasureAnnounced { Scope.AnomalyId: var none } when none == Guid.Empty => null,
        CountermeasureWithdrawn { Scope.AnomalyId: var none } when none == Guid.Empty => null,
        EffectMeasured { Scope.AnomalyId: var none } when none == Guid.Empty => null,
        MitigationEnded { Scope.AnomalyId: var none } when none == Guid.Empty => null,
        MitigationFailed { Scope.AnomalyId: var none } when none == Guid.Empty => null,
        MitigationStarted e => new Published.MitigationStarted
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.ServiceCode,
            MitigationId = e.MitigationId,
            AnomalyId = e.AnomalyId,
            Target = e.Target.ToString(),
            StartedAt = e.StartedAt,
        },
        CountermeasureAnnounced e => new Published.CountermeasureAnnounced
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = e.Scope.AnomalyId,
            CountermeasureId = e.CountermeasureId,
            Kind = KindOf(e.Kind),
            Route = e.Route,
            Speaker = e.Speaker,
            AnnouncedAt = e.AnnouncedAt,
        },
        EffectMeasured e => new Published.CountermeasureMeasured
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = e.Scope.AnomalyId,
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
            AnomalyId = e.Scope.AnomalyId,
            CountermeasureId = e.CountermeasureId,
            Reason = ReasonOf(e.Reason), // what an operator wrote stays with us
            WithdrawnAt = e.WithdrawnAt,
        },
        MitigationEnded e => new Published.MitigationEnded
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = e.Scope.AnomalyId,
            Result = e.Defended ? "defended" : "not-defended",
            EndedAt = e.EndedAt,
        },
        MitigationFailed e => new Published.MitigationFailed
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Scope.ServiceCode,
            MitigationId = e.Scope.MitigationId,
            AnomalyId = e.Scope.AnomalyId,
            Code = e.Code,
            Detail = e.Detail,
            FailedAt = e.FailedAt,
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

    private static string ReasonOf(WithdrawalReason reason) => reason switch
    {
        WithdrawalReason.AnomalyEnded => "anomaly-ended",
        WithdrawalReason.Operator => "operator",
        WithdrawalReason.ContractEnded => "contract-ended",
        WithdrawalReason.Expired => "expired",
        WithdrawalReason.KillSwitch => "kill-switch",
        WithdrawalReason.ScrubbersGone => "scrubbers-gone",
        WithdrawalReason.ScrubbersBack => "scrubbers-back",
        _ => throw new UnreachableException($"{reason} has no public name."),
    };
}
