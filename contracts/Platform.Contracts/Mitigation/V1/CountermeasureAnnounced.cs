namespace Platform.Contracts.Mitigation.V1;

/// <summary>A countermeasure is in force: the speaker was asked and the route was read back from it.</summary>
/// <remarks>Producer: mitigation. Consumers: reporting, notifications. Key: <see cref="CountermeasureId"/>.</remarks>
public sealed record CountermeasureAnnounced
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

    /// <summary><c>blackhole</c>, <c>flowspec</c>, <c>diversion</c> or <c>scrubbing</c> (open set).</summary>
    public required string Kind { get; init; }

    /// <summary>
    /// What was announced, in the field's notation, for example <c>203.0.113.10/32 community 65535:666</c> or
    /// <c>to 203.0.113.10/32 udp source-port 123 discard</c>.
    /// </summary>
    public required string Route { get; init; }

    /// <summary>Name of the speaker as configured.</summary>
    public required string Speaker { get; init; }

    /// <summary>When it was read back (UTC).</summary>
    public required DateTimeOffset AnnouncedAt { get; init; }

    /// <summary>It only lets allowed sources through, and stops nothing. Since release 5.</summary>
    public bool IsAllowance { get; init; }
}
