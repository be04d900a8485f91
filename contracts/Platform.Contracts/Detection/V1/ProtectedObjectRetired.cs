namespace Platform.Contracts.Detection.V1;

/// <summary>A protected object is no longer watched: its contract ended or it was removed.</summary>
/// <remarks>
/// Producer: detection. Consumers: ingestion. Key: <see cref="ObjectId"/>; final, whatever versions arrive later.
/// </remarks>
public sealed record ProtectedObjectRetired
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The protected object (UUID).</summary>
    public required Guid ObjectId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>When watching stopped (UTC).</summary>
    public required DateTimeOffset RetiredAt { get; init; }
}
