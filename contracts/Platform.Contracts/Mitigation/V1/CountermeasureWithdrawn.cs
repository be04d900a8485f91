namespace Platform.Contracts.Mitigation.V1;

/// <summary>A countermeasure is no longer in force.</summary>
/// <remarks>Producer: mitigation. Consumers: reporting. Key: <see cref="CountermeasureId"/>.</remarks>
public sealed record CountermeasureWithdrawn
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly, and one for each time that a defence is begun by hand.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Identity of the countermeasure (UUID).</summary>
    public required Guid CountermeasureId { get; init; }

    /// <summary>
    /// <c>anomaly-ended</c>, <c>operator</c>, <c>contract-ended</c>, <c>expired</c>, <c>kill-switch</c>,
    /// <c>scrubbers-gone</c>, <c>scrubbers-back</c>, <c>dry-run</c> or <c>rails</c> (open set).
    /// </summary>
    public required string Reason { get; init; }

    /// <summary>When the speaker no longer held it (UTC).</summary>
    public required DateTimeOffset WithdrawnAt { get; init; }
}
