namespace Platform.Contracts.Detection.V1;

/// <summary>
/// A protected object exists with these prefixes and thresholds from now on. Carries the whole content, so only
/// the highest version counts.
/// </summary>
/// <remarks>
/// Producer: detection. Consumers: ingestion (which addresses to count, when to flush early), retention (residual
/// configuration). Key: <see cref="ObjectId"/>; ordered by <see cref="Version"/>.
/// </remarks>
public sealed record ThresholdsChanged
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The protected object (UUID).</summary>
    public required Guid ObjectId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Name of the object, unique in the contract, for example <c>default</c>.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// Prefixes of the object in CIDR notation; of prefixes of several objects the narrowest counts. Empty when other objects of the contract have
    /// all of them.
    /// </summary>
    public required IReadOnlyList<string> Prefixes { get; init; }

    /// <summary>One entry per vector and unit that is watched, at host level.</summary>
    public required IReadOnlyList<VectorThreshold> Thresholds { get; init; }

    /// <summary>1 for a new object; each change has the next one.</summary>
    public required long Version { get; init; }

    /// <summary>When it changed (UTC).</summary>
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>Thresholds of other levels than <c>host</c>, or of traffic out: judged on sums over hosts. Since release 2.</summary>
    public IReadOnlyList<VectorThreshold> WiderThresholds { get; init; } = [];
}
