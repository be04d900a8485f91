namespace Platform.Mitigation.Erasures;

/// <summary>What can have happened to one erasure here. Kept in a stream of the provider: the proof outlives what it is about.</summary>
internal abstract record ErasureEvent;

/// <summary>Everything of the contract that is of the named classes is gone.</summary>
/// <param name="ErasureId">Identity of the erasure, given by retention.</param>
/// <param name="TenantId">Whose data it was.</param>
/// <param name="ServiceCode">The contract.</param>
/// <param name="Counts">Streams erased, by kind.</param>
/// <param name="ErasedAt">When it was gone (UTC).</param>
internal sealed record DataErasureRecorded(
    Guid ErasureId, Guid TenantId, string ServiceCode, IReadOnlyDictionary<string, long> Counts, DateTimeOffset ErasedAt)
    : ErasureEvent;
