using Platform.EventStore;

namespace Platform.Mitigation.Capacity;

internal sealed record PoolState(PoolLevel Level)
{
    public static readonly StreamType<PoolState, PoolEvent> Stream = new("pool", new(PoolLevel.Ok), Evolve);

    public static PoolState Evolve(PoolState current, PoolEvent happened) =>
        happened is PoolLimitCrossed crossed ? new(crossed.Level) : current;

    public static string KeyOf(string pool) => pool.Replace(':', '-');
}

/// <summary>When a limit counts as crossed. Pure.</summary>
internal static class PoolDecider
{
    public static PoolLevel LevelOf(PoolUse use, int nearlyFullPercent) =>
        use.IsAway ? PoolLevel.Away
        : use.Used > use.Limit ? PoolLevel.Exceeded
        : use.Limit > 0 && use.Used >= use.Limit / 100.0 * nearlyFullPercent ? PoolLevel.NearlyFull
        : PoolLevel.Ok;

    public static Decision<PoolEvent> Decide(PoolState current, PoolUse use, int nearlyFullPercent, DateTimeOffset at) =>
        LevelOf(use, nearlyFullPercent) is var level && level != current.Level
            ? new PoolLimitCrossed(use.Name, level, use.Limit, use.Used, at)
            : Decision<PoolEvent>.Unchanged;
}
