namespace Platform.Contracts.Mitigation.V1;

/// <summary>No countermeasure could be put in force; an operator has to look.</summary>
/// <remarks>
/// Producer: mitigation. Consumers: reporting, notifications. Key: <see cref="MitigationId"/>. A speaker that is
/// away is not a failure: the announcement waits and follows.
/// </remarks>
public sealed record MitigationFailed
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Stable code of the refusal, for example <c>target-outside-prefixes</c>.</summary>
    public required string Code { get; init; }

    /// <summary>One sentence for a person.</summary>
    public required string Detail { get; init; }

    /// <summary>When it failed (UTC).</summary>
    public required DateTimeOffset FailedAt { get; init; }
}
