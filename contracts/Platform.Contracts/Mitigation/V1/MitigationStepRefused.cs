namespace Platform.Contracts.Mitigation.V1;

/// <summary>
/// What stands does not help, or its scrubbers are gone, and a safety rail refused the step that would follow: nothing more is done for now.
/// </summary>
/// <remarks>
/// Producer: mitigation. Consumer: reporting. Key: <see cref="MitigationId"/> and <see cref="Code"/>. The step is asked for again while the attack goes on;
/// the same refusal is said once. Since release 6.
/// </remarks>
public sealed record MitigationStepRefused
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Stable code of the refusal, for example <c>tenant-cap-reached</c>.</summary>
    public required string Code { get; init; }

    /// <summary>One sentence for a person.</summary>
    public required string Detail { get; init; }

    /// <summary>When it was refused (UTC).</summary>
    public required DateTimeOffset RefusedAt { get; init; }
}
