namespace Platform.Contracts.Ingestion.V1;

/// <summary>What a registered exporter tells can be trusted less, or again: its sampling changed, it loses records, its clock is off.</summary>
/// <remarks>
/// Producer: ingestion. Consumers: detection. Key: <see cref="ExporterId"/>. Belongs to the provider: no tenant. Since release 3.
/// </remarks>
public sealed record ExporterConditionChanged
{
    /// <summary>Identity of the exporter (UUID version 7).</summary>
    public required Guid ExporterId { get; init; }

    /// <summary>Source address of its datagrams, IPv4 or IPv6.</summary>
    public required string Address { get; init; }

    /// <summary>
    /// <c>sampling-changed</c>, <c>exporter-losing</c>, <c>exporter-lossless</c>, <c>clock-skewed</c> or <c>clock-right</c> (open set).
    /// </summary>
    public required string Condition { get; init; }

    /// <summary>In words, with the figures: for example <c>one packet in 100, before in 1000</c>.</summary>
    public required string Detail { get; init; }

    /// <summary><see cref="Detail"/> in Japanese; null from earlier releases. Since release 7.</summary>
    public string? DetailJa { get; init; }

    /// <summary>When it was noticed (UTC).</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}
