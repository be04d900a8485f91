namespace Platform.Hosting.Erasures;

/// <summary>
/// What can happen to an owner's part of an erasure. Provider stream <c>erasure:{erasure id}</c>, data class <c>provider</c>: the proof
/// outlives what it is about.
/// </summary>
public abstract record ErasureEvent;

/// <summary>What this owner held of the contract in these classes is gone.</summary>
/// <param name="ErasureId">Identity that retention gave the erasure.</param>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ServiceCode">Service code of the contract, such as DP00000001.</param>
/// <param name="DataClasses">Classes that were held here and are gone; empty when none of those asked for is held here.</param>
/// <param name="Counts">What was erased: kind of stream or row to number, 0 or more.</param>
/// <param name="ErasedAt">When it was gone (UTC).</param>
public sealed record DataErasureRecorded(
    Guid ErasureId,
    Guid TenantId,
    string ServiceCode,
    IReadOnlyList<string> DataClasses,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset ErasedAt) : ErasureEvent;
