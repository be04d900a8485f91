namespace Platform.Contracts.Notifications.V1;

/// <summary>A notice for a tenant's portal was published.</summary>
/// <remarks>Producer: notifications. Consumers: none yet. Key: <see cref="NoticeId"/>.</remarks>
public sealed record NoticePublished
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Identity of the notice (UUID).</summary>
    public required Guid NoticeId { get; init; }

    /// <summary>Service code that it is about; null when it is about none.</summary>
    public string? ServiceCode { get; init; }

    /// <summary>
    /// <c>anomaly-detected</c>, <c>countermeasure-proposed</c>, <c>countermeasure-announced</c>, <c>anomaly-ended</c>, <c>mitigation-failed</c>
    /// or <c>erasure-certified</c> (open set).
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>When it was published (UTC).</summary>
    public required DateTimeOffset PublishedAt { get; init; }
}
