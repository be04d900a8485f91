namespace Platform.Contracts.Mitigation.V1;

/// <summary>Defence against an anomaly began.</summary>
/// <remarks>Producer: mitigation. Consumers: reporting. Key: <see cref="MitigationId"/>.</remarks>
public sealed record MitigationStarted
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>
    /// Attacked prefix in CIDR notation, a single host most of the time: <c>203.0.113.10/32</c> or
    /// <c>2001:db8::1/128</c>.
    /// </summary>
    public required string Target { get; init; }

    /// <summary>When it was decided (UTC).</summary>
    public required DateTimeOffset StartedAt { get; init; }
}
