namespace Platform.Contracts.Ingestion.V1;

/// <summary>A registered exporter sent nothing for longer than its limit.</summary>
/// <remarks>
/// Producer: ingestion. Consumers: detection. Key: <see cref="ExporterId"/>. Belongs to the provider: no tenant.
/// </remarks>
public sealed record ExporterFellSilent
{
    /// <summary>Identity of the exporter (UUID version 7).</summary>
    public required Guid ExporterId { get; init; }

    /// <summary>Source address of its datagrams, IPv4 or IPv6.</summary>
    public required string Address { get; init; }

    /// <summary>When its last datagram came (UTC).</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    /// <summary>When it was declared silent (UTC).</summary>
    public required DateTimeOffset SilentAt { get; init; }
}
