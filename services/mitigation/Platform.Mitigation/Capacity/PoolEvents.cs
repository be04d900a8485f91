namespace Platform.Mitigation.Capacity;

/// <summary>What can have happened to one scrubbing pool. Streams of the provider.</summary>
internal abstract record PoolEvent;

/// <summary>What contracts need of the pool crossed a limit, upwards or downwards; or its scrubbers went, or are there again.</summary>
/// <param name="Pool">Name as configured; <c>unplaced</c>: what fits into none.</param>
/// <param name="Level">Where it is now.</param>
/// <param name="LimitBitsPerSecond">What it can clean.</param>
/// <param name="UsedBitsPerSecond">What contracts need of it.</param>
/// <param name="CrossedAt">When it was seen (UTC).</param>
internal sealed record PoolLimitCrossed(
    string Pool, PoolLevel Level, long LimitBitsPerSecond, long UsedBitsPerSecond, DateTimeOffset CrossedAt) : PoolEvent;

/// <summary>Stored as numbers: never renumber.</summary>
internal enum PoolLevel
{
    /// <summary>There is headroom.</summary>
    Ok = 0,

    /// <summary>Most of it is given away.</summary>
    NearlyFull = 1,

    /// <summary>More is needed than there is.</summary>
    Exceeded = 2,

    /// <summary>None of its scrubbers was heard for too long; nothing is diverted to it.</summary>
    Away = 3,
}
