namespace Platform.Contracts.Mitigation.V1;

/// <summary>A countermeasure waits for approval: nothing of it is in the network until a person agrees.</summary>
/// <remarks>Producer: mitigation. Consumers: reporting, notifications. Key: <see cref="CountermeasureId"/>. Since release 5.</remarks>
public sealed record CountermeasureProposed
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID), which the approval names.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Identity of the countermeasure (UUID), which the approval names.</summary>
    public required Guid CountermeasureId { get; init; }

    /// <summary><c>blackhole</c>, <c>flowspec</c>, <c>diversion</c> or <c>scrubbing</c> (open set).</summary>
    public required string Kind { get; init; }

    /// <summary>What would be announced: a prefix, or a rule such as <c>to 203.0.113.10/32 udp source-port 123 discard</c>.</summary>
    public required string Route { get; init; }

    /// <summary>When it was decided (UTC).</summary>
    public required DateTimeOffset ProposedAt { get; init; }
}
