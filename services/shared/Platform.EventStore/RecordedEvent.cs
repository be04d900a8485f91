namespace Platform.EventStore;

/// <summary>One stored event as feed, projections and relay see it.</summary>
/// <param name="Sequence">Position in the service's event order (<c>seq_id</c>).</param>
/// <param name="Id">Identity of the event; message id when it is published.</param>
/// <param name="TenantId">The tenant that owns the stream.</param>
/// <param name="StreamType">Part of the stream id before the colon.</param>
/// <param name="StreamKey">Part of the stream id after the colon.</param>
/// <param name="Version">Position in the stream, from 1.</param>
/// <param name="Data">The event itself.</param>
/// <param name="RecordedAt">When it was appended (UTC).</param>
/// <param name="Metadata">Why, by whom, from where, in which trace.</param>
public sealed record RecordedEvent(
    long Sequence,
    Guid Id,
    TenantId TenantId,
    string StreamType,
    string StreamKey,
    long Version,
    object Data,
    DateTimeOffset RecordedAt,
    EventMetadata Metadata);

/// <summary>What the columns and headers of an event say beside its data.</summary>
/// <param name="CorrelationId">See <see cref="Cause.CorrelationId"/>.</param>
/// <param name="CausationId">See <see cref="Cause.Id"/>.</param>
/// <param name="Actor">See <see cref="Cause.Actor"/>.</param>
/// <param name="SourceAddress">See <see cref="Cause.SourceAddress"/>.</param>
/// <param name="TraceParent">W3C trace context of the append, so that one trace runs from datagram to report.</param>
public sealed record EventMetadata(
    string? CorrelationId,
    string? CausationId,
    string? Actor,
    string? SourceAddress,
    string? TraceParent);
