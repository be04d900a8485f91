namespace Platform.Detection.Windows;

/// <summary>
/// Which process should read which partition. Pure: whoever knows the same processes comes to the same plan, and each gets as many partitions as any other, or
/// one more. A process that comes or goes moves few partitions beside its own (rendezvous hashing, with a quota).
/// </summary>
internal static class PartitionPlan
{
    /// <returns>The reader of each partition.</returns>
    public static Guid[] Of(int partitions, IEnumerable<Guid> processes)
    {
        var ordered = processes.Order().ToArray();
        var left = ordered.Select((process, rank) => (process, Quota: (partitions / ordered.Length) + (rank < partitions % ordered.Length ? 1 : 0)))
            .ToDictionary(share => share.process, share => share.Quota);
        var plan = new Guid[partitions];
        for (var partition = 0; partition < partitions; partition++)
        {
            plan[partition] = ordered.Where(process => left[process] > 0).MaxBy(process => Weight(process, partition));
            left[plan[partition]]--;
        }

        return plan;
    }

    /// <summary>FNV-1a: the same in every process, unlike <see cref="object.GetHashCode"/>.</summary>
    private static uint Weight(Guid process, int partition)
    {
        var hash = 2_166_136_261;
        foreach (var part in (ReadOnlySpan<byte>)[(byte)partition, .. process.ToByteArray()])
        {
            hash = unchecked((hash ^ part) * 16_777_619);
        }

        return hash;
    }
}
