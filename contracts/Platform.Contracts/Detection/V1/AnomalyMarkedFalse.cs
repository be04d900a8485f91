namespace Platform.Contracts.Detection.V1;

/// <summary>An operator says that an anomaly was no attack. Why stays with detection: it is a person's own words.</summary>
/// <remarks>
/// Producer: detection. Consumers: reporting. Key: <see cref="AnomalyId"/>; once per anomaly, open or over, possibly before <see cref="AnomalyDetected"/>
/// is heard. Since release 4.
/// </remarks>
public sealed record AnomalyMarkedFalse
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>The protected object (UUID).</summary>
    public required Guid ObjectId { get; init; }

    /// <summary>The anomaly (UUID).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Operator who says so (UUID text).</summary>
    public required string MarkedBy { get; init; }

    /// <summary>Their role then, for example <c>tenant-operator</c>; null: of a mark of an earlier release.</summary>
    public string? Role { get; init; }

    /// <summary>When (UTC).</summary>
    public required DateTimeOffset MarkedAt { get; init; }
}
