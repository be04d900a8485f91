using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Capacity;

/// <param name="Key">The contract.</param>
/// <param name="BitsPerSecond">What it needs.</param>
/// <param name="Pool">Where its traffic runs through already; null: nowhere in particular.</param>
internal sealed record Need(string Key, long BitsPerSecond, string? Pool = null);

/// <param name="Name">The pool.</param>
/// <param name="Limit">In bits per second.</param>
/// <param name="Used">In bits per second.</param>
/// <param name="Contracts">How many have a share in it.</param>
/// <param name="IsAway">Whether none of its scrubbers is there.</param>
internal sealed record PoolUse(string Name, long Limit, long Used, int Contracts, bool IsAway = false);

/// <summary>Who has which share of the scrubbers: a function of limits and contracts, and of nothing else. Pure.</summary>
internal static class Allocation
{
    /// <summary>All of it with always-on; without, so many contracts share it, because they are not attacked at the same time.</summary>
    public static long NeedOf(long declaredBitsPerSecond, bool alwaysOn, int sharing) =>
        alwaysOn ? declaredBitsPerSecond : (declaredBitsPerSecond + sharing - 1) / sharing;

    /// <summary>
    /// Each need goes whole into the pool that it stands in, full or not, because there its traffic is; else into the first with room, in the order of
    /// their keys, when it says how much it is.
    /// </summary>
    /// <returns>The pools, and what fits into none of them, in bits per second.</returns>
    public static (IReadOnlyList<PoolUse> Pools, long Unplaced) Of(IReadOnlyList<ScrubbingPool> pools, IEnumerable<Need> needs)
    {
        var (uses, unplaced, _) = Place(pools, needs);
        return (uses, unplaced);
    }

    /// <param name="pools">All of them.</param>
    /// <param name="needs">Of all contracts.</param>
    /// <param name="isAway">Whether none of a pool's scrubbers is there: then nothing is placed in it.</param>
    /// <returns>Besides, the pool of each need that found one.</returns>
    public static (IReadOnlyList<PoolUse> Pools, long Unplaced, IReadOnlyDictionary<string, string> Placed) Place(
        IReadOnlyList<ScrubbingPool> pools, IEnumerable<Need> needs, Func<string, bool>? isAway = null)
    {
        var uses = pools.Select(pool => new PoolUse(pool.Name, pool.BitsPerSecond, Used: 0, Contracts: 0, isAway?.Invoke(pool.Name) is true)).ToArray();
        var placed = new Dictionary<string, string>();
        var unplaced = 0L;
        foreach (var need in needs.OrderBy(need => !uses.Any(use => use.Name == need.Pool && !use.IsAway)).ThenBy(need => need.Key, StringComparer.Ordinal))
        {
            var index = Array.FindIndex(uses, use => use.Name == need.Pool && !use.IsAway);
            index = index < 0 ? Array.FindIndex(uses, HasRoom) : index;
            if (index < 0)
            {
                unplaced += need.BitsPerSecond;
                continue;
            }

            placed[need.Key] = uses[index].Name;
            uses[index] = uses[index] with { Used = uses[index].Used + need.BitsPerSecond, Contracts = uses[index].Contracts + 1 };

            bool HasRoom(PoolUse use) => !use.IsAway && need.BitsPerSecond > 0 && use.Limit - use.Used >= need.BitsPerSecond;
        }

        return (uses, unplaced, placed);
    }

    /// <summary>Whether one need more, or a greater one, finds room beside the others, where it stands already. Without pools nothing is limited.</summary>
    public static bool Fits(IReadOnlyList<ScrubbingPool> pools, IReadOnlyList<Need> others, Need added)
    {
        var (uses, unplaced) = Of(pools, [.. others, added]);
        return pools.Count == 0
            || (unplaced <= Of(pools, others).Unplaced && uses.All(use => use.Name != added.Pool || use.Used <= use.Limit));
    }
}
