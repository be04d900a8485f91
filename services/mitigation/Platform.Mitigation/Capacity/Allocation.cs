using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Capacity;

/// <param name="Key">The contract.</param>
/// <param name="BitsPerSecond">What it needs.</param>
internal sealed record Need(string Key, long BitsPerSecond);

/// <param name="Name">The pool.</param>
/// <param name="Limit">In bits per second.</param>
/// <param name="Used">In bits per second.</param>
/// <param name="Contracts">How many have a share in it.</param>
internal sealed record PoolUse(string Name, long Limit, long Used, int Contracts);

/// <summary>Who has which share of the scrubbers: a function of limits and contracts, and of nothing else. Pure.</summary>
internal static class Allocation
{
    /// <summary>All of it with always-on; without, so many contracts share it, because they are not attacked at the same time.</summary>
    public static long NeedOf(long declaredBitsPerSecond, bool alwaysOn, int sharing) =>
        alwaysOn ? declaredBitsPerSecond : (declaredBitsPerSecond + sharing - 1) / sharing;

    /// <summary>Each need goes whole into the first pool with room, in the order of their keys.</summary>
    /// <returns>The pools, and what fits into none of them, in bits per second.</returns>
    public static (IReadOnlyList<PoolUse> Pools, long Unplaced) Of(IReadOnlyList<ScrubbingPool> pools, IEnumerable<Need> needs)
    {
        var uses = pools.Select(pool => new PoolUse(pool.Name, pool.BitsPerSecond, Used: 0, Contracts: 0)).ToArray();
        var unplaced = 0L;
        foreach (var need in needs.OrderBy(need => need.Key, StringComparer.Ordinal))
        {
            var index = Array.FindIndex(uses, use => use.Limit - use.Used >= need.BitsPerSecond);
            if (index < 0)
            {
                unplaced += need.BitsPerSecond;
                continue;
            }

            uses[index] = uses[index] with { Used = uses[index].Used + need.BitsPerSecond, Contracts = uses[index].Contracts + 1 };
        }

        return (uses, unplaced);
    }

    /// <summary>Whether one need more, or a greater one, finds room beside the others. Without pools nothing is limited.</summary>
    public static bool Fits(IReadOnlyList<ScrubbingPool> pools, IReadOnlyList<Need> others, Need added) =>
        pools.Count == 0 || Of(pools, [.. others, added]).Unplaced <= Of(pools, others).Unplaced;
}
