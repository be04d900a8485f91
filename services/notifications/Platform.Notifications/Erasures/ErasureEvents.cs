namespace Platform.Notifications.Erasures;

/// <summary>
/// What can happen to this service's part of an erasure. Provider stream <c>erasure:{erasure id}</c>. Data class
/// <c>provider</c>.
/// </summary>
internal abstract record ErasureEvent;

/// <summary>What this service held of the contract in these classes is gone.</summary>
/// <param name="ErasureId">Identity that retention gave the erasure.</param>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ServiceCode">Service code of the contract.</param>
/// <param name="DataClasses">
/// Classes that were held here and are gone; empty when none of those asked for is held here.
/// </param>
/// <param name="Counts">What was erased: kind of stream to number of streams.</param>
/// <param name="ErasedAt">When it was gone (UTC).</param>
internal sealed record ContractDataErased(
    Guid ErasureId,
    Guid TenantId,
    string ServiceCode,
    IReadOnlyList<string> DataClasses,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset ErasedAt) : ErasureEvent;
