namespace Platform.Detection.Windows;

/// <summary>
/// Numbers of the batches that were read, by source and object: what is missing was lost on the way, what comes again was delivered twice.
/// </summary>
internal sealed class BatchNumbers
{
    private readonly Dictionary<(string Source, Guid ObjectId), (ulong Last, DateTimeOffset At)> _seen = [];

    /// <summary>Batches lost before this one; null when this one was read already.</summary>
    public ulong? Next(string source, Guid objectId, ulong sequence, DateTimeOffset now)
    {
        var known = _seen.TryGetValue((source, objectId), out var seen);
        if (known && sequence <= seen.Last)
        {
            return null;
        }

        _seen[(source, objectId)] = (sequence, now);
        return known ? sequence - seen.Last - 1 : 0; // before the first one we saw, another process was reading
    }

    /// <summary>Forgets sources that are gone.</summary>
    public void Forget(DateTimeOffset before)
    {
        foreach (var (key, seen) in _seen)
        {
            if (seen.At < before)
            {
                _seen.Remove(key);
            }
        }
    }
}
