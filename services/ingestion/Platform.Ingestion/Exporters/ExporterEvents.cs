namespace Platform.Ingestion.Exporters;

/// <summary>What can have happened to an exporter: a device that sends flows.</summary>
public abstract record ExporterEvent;

/// <summary>Datagrams from this address count from now on.</summary>
/// <param name="Address">Source address of its datagrams, IPv4 or IPv6.</param>
/// <param name="SamplingRate">One packet in N, overriding what it says; 0: believe it.</param>
/// <param name="ExpectedProtocol">Protocol that it should speak, such as <c>netflow9</c>; null: any.</param>
public sealed record ExporterRegistered(
    Guid ExporterId, string Address, string Name, uint SamplingRate, DateTimeOffset RegisteredAt, string? ExpectedProtocol = null) : ExporterEvent;

/// <summary>Its name, the sampling rate that overrides its own, or the protocol that it should speak is another now.</summary>
public sealed record ExporterChanged(
    Guid ExporterId, string Name, uint SamplingRate, DateTimeOffset ChangedAt, string? ExpectedProtocol = null) : ExporterEvent;

/// <summary>It sent nothing for longer than the limit.</summary>
public sealed record ExporterFellSilent(Guid ExporterId, string Address, DateTimeOffset LastSeenAt, DateTimeOffset SilentAt) : ExporterEvent;

/// <summary>It sends again, or for the first time.</summary>
public sealed record ExporterReturned(Guid ExporterId, string Address, DateTimeOffset ReturnedAt) : ExporterEvent;

/// <summary>What it tells can be trusted less, or again.</summary>
/// <param name="Condition">As the fact names it, for example <c>sampling-changed</c>.</param>
/// <param name="Detail">In words, with the figures.</param>
/// <param name="DetailJa">The same in Japanese; null in events of the first releases.</param>
public sealed record ExporterConditionChanged(
    Guid ExporterId, string Address, string Condition, string Detail, DateTimeOffset ChangedAt, string? DetailJa = null) : ExporterEvent;

/// <summary>Its datagrams no longer count. The address can be registered again, as a new exporter.</summary>
public sealed record ExporterRemoved(Guid ExporterId, string Address, DateTimeOffset RemovedAt) : ExporterEvent;
