namespace Platform.EventStore;

/// <summary>Why an append happens. Makes it idempotent: a second append of the same cause to the same stream changes nothing.</summary>
/// <param name="Id">Message id and consumer, or the caller's idempotency key; unique per intent.</param>
/// <param name="Actor">Who: an operator id, <c>service:detection</c>, or null for the service itself. Never a name or a mail address.</param>
/// <param name="SourceAddress">Address that the command came from, when a person or program outside gave it.</param>
/// <param name="CorrelationId">Ties together everything that follows from one beginning; the trace id when there is one.</param>
public sealed record Cause(string Id, string? Actor = null, string? SourceAddress = null, string? CorrelationId = null);
