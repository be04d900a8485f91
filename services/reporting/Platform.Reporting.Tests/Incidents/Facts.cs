using Platform.Contracts.Detection.V1;
using Platform.Contracts.Mitigation.V1;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;

namespace Platform.Reporting.Tests.Incidents;

/// <summary>What the neighbours tell of one attack.</summary>
internal sealed record Facts(TenantId Tenant, string ServiceCode, Guid AnomalyId, DateTimeOffset DetectedAt)
{
    private const string Target = "203.0.113.10/32";

    private readonly Guid _mitigationId = AnomalyId;

    public DateTimeOffset EndedAt => DetectedAt.AddMinutes(10);

    public AnomalyDetected Detected => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        ObjectId = Tenant.ToGuid(),
        AnomalyId = AnomalyId,
        Target = Target,
        Vectors = [Rate("udp"), Rate("total")],
        BitsPerSecond = 400_000_000,
        PacketsPerSecond = 90_000,
        Since = DetectedAt.AddSeconds(-1),
        DetectedAt = DetectedAt,
    };

    public AnomalyChanged Changed => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        ObjectId = Tenant.ToGuid(),
        AnomalyId = AnomalyId,
        Target = Target,
        Vectors = [Rate("udp"), Rate("icmp")],
        PeakBitsPerSecond = 900_000_000,
        PeakPacketsPerSecond = 200_000,
        Revision = 1,
        ChangedAt = DetectedAt.AddMinutes(1),
    };

    public AnomalyEnded Ended => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        ObjectId = Tenant.ToGuid(),
        AnomalyId = AnomalyId,
        Target = Target,
        PeakBitsPerSecond = 1_000_000_000,
        PeakPacketsPerSecond = 250_000,
        Reason = "subsided",
        Until = EndedAt.AddSeconds(-30),
        EndedAt = EndedAt,
    };

    public MitigationStarted Started => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        Target = Target,
        StartedAt = DetectedAt.AddSeconds(1),
    };

    public CountermeasureProposed Proposed => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        CountermeasureId = AnomalyId,
        Kind = "blackhole",
        Route = Target,
        ProposedAt = DetectedAt.AddSeconds(1),
    };

    public CountermeasureAnnounced Announced => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        CountermeasureId = AnomalyId,
        Kind = "blackhole",
        Route = Target + " community 65535:666",
        Speaker = "gobgp",
        AnnouncedAt = DetectedAt.AddSeconds(2),
    };

    public CountermeasureMeasured Measured => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        CountermeasureId = AnomalyId,
        Verdict = "helped",
        BeforeBitsPerSecond = 400_000_000,
        DroppedPackets = 2000,
        DroppedBytes = 856_000,
        PassedPackets = 70,
        PassedBytes = 4_000,
        MeasuredAt = EndedAt.AddMinutes(4),
    };

    public CountermeasureWithdrawn Withdrawn => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        CountermeasureId = AnomalyId,
        Reason = "anomaly-ended",
        WithdrawnAt = EndedAt.AddMinutes(5),
    };

    public MitigationEnded Defended => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        Result = "defended",
        EndedAt = EndedAt.AddMinutes(5), // the same decision as the withdrawal, so the same instant
    };

    public MitigationStepRefused StepRefused => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        Code = "tenant-cap-reached",
        Detail = "Withdraw one that is no longer needed.",
        RefusedAt = DetectedAt.AddSeconds(12),
    };

    /// <summary>An operator looked at it a day later.</summary>
    public AnomalyMarkedFalse MarkedFalse => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        ObjectId = Tenant.ToGuid(),
        AnomalyId = AnomalyId,
        MarkedBy = "0190dddd-0000-7000-8000-000000000001",
        Role = "tenant-operator",
        MarkedAt = EndedAt.AddHours(1),
    };

    public MitigationFailed Failed => new()
    {
        TenantId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        MitigationId = _mitigationId,
        AnomalyId = AnomalyId,
        Code = "target-outside-prefixes",
        Detail = "The target is not in a protected prefix.",
        FailedAt = DetectedAt.AddSeconds(1),
    };

    /// <summary>The whole story in the order in which it happened.</summary>
    public object[] Story => [Detected, Started, Announced, Changed, Ended, Measured, Withdrawn, Defended];

    public ErasureDue ErasureDue(Guid erasureId) => new()
    {
        TenantId = Tenant.ToGuid(),
        ContractId = Tenant.ToGuid(),
        ServiceCode = ServiceCode,
        ErasureId = erasureId,
        DataClasses = ["customer", "incident"],
        DueAt = DetectedAt.AddMonths(3),
        RequestedAt = DetectedAt.AddMonths(3),
    };

    private static VectorRate Rate(string vector) => new() { Vector = vector, BitsPerSecond = 400_000_000, PacketsPerSecond = 90_000 };
}
