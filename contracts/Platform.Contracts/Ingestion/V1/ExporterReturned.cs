namespace Platform.Contracts.Ingestion.V1;

/// <summary>A registered exporter sends again after silence, or for the first time.</summary>
/// <remarks>
/// Producer: ingestion. Consumers: detection. Key: <see cref="ExporterId"/>. Belongs to the provider: no tenant.
/// </remarks>
public sealed record ExporterReturned
{
    /// <summary>Identity of the exporter (UUID version 7).</summary>
    public required Guid ExporterId { get; init; }

    /// <summary>Source address of its datagrams, IPv4 or IPv6.</summary>
    public required string Address { get; init; }

    /// <summary>When its datagram came (UTC).</summary>
    public required DateTimeOffset ReturnedAt { get; init; }
}
