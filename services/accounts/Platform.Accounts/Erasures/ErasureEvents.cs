namespace Platform.Accounts.Erasures;

/// <summary>What can have happened to one erasure, as this owner did it.</summary>
internal abstract record ErasureEvent;

/// <summary>This owner's part of a contract's data is gone.</summary>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ServiceCode">Which contract.</param>
/// <param name="ErasureId">Which erasure.</param>
/// <param name="Counts">Kind of row to number erased.</param>
/// <param name="ErasedAt">When (UTC).</param>
internal sealed record DataErasureRecorded(
    Guid TenantId,
    string ServiceCode,
    Guid ErasureId,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset ErasedAt) : ErasureEvent;
