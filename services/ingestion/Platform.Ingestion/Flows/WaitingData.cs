namespace Platform.Ingestion.Flows;

/// <summary>
/// Data sets of one exporter whose templates have not arrived, bounded in bytes and in time, the oldest given up first. Nothing that is done with one
/// depends on how many there are.
/// </summary>
internal sealed class WaitingData(DecodeLimits limits, SharedMemory memory, RateHistory rates)
{
    private readonly LinkedList<WaitingSet> _byAge = [];
    private readonly Dictionary<(FlowDomain Domain, ushort TemplateId), Queue<LinkedListNode<WaitingSet>>> _byTemplate = [];
    private int _bytes;

    public int Count => _byAge.Count;

    /// <summary>Sets that were dropped because their template did not come in time, or there was no room to wait.</summary>
    public long GivenUp { get; private set; }

    /// <summary>Keeps a copy of a set, with the header of its datagram.</summary>
    public void Add(in MessageHeader header, FlowDomain domain, ushort templateId, ReadOnlySpan<byte> set)
    {
        GiveUpOld(header.ReceivedMs);
        var size = set.Length + WaitingSet.Overhead;
        while (_bytes + size > limits.WaitingBytes && Count > 0)
        {
            GiveUpOldest();
        }

        if (size > limits.WaitingBytes || !memory.HasRoomFor(size))
        {
            GivenUp++;
            return;
        }

        var copy = new byte[WaitingSet.Lead + set.Length];
        set.CopyTo(copy.AsSpan(WaitingSet.Lead));
        var node = _byAge.AddLast(new WaitingSet(header with { RatesAsOf = rates.Now }, domain, templateId, copy));
        rates.OldestWaiting = _byAge.First!.Value.Header.RatesAsOf;
        if (!_byTemplate.TryGetValue((domain, templateId), out var same))
        {
            _byTemplate[(domain, templateId)] = same = new();
        }

        same.Enqueue(node);
        _bytes += size;
        memory.Take(size);
    }

    /// <summary>Takes out what waited for this template, oldest first. What waited too long is given up.</summary>
    public IEnumerable<WaitingSet> Take(FlowDomain domain, ushort templateId, long nowMs)
    {
        GiveUpOld(nowMs);
        if (Count == 0 || !_byTemplate.Remove((domain, templateId), out var same))
        {
            return [];
        }

        foreach (var node in same)
        {
            Release(node);
        }

        return same.Select(node => node.Value);
    }

    /// <summary>Counts a set that has nothing to wait for.</summary>
    public void Refuse() => GivenUp++;

    /// <summary>Gives up what waits for this template: it came, and was refused.</summary>
    public void GiveUp(FlowDomain domain, ushort templateId)
    {
        if (_byTemplate.Remove((domain, templateId), out var same))
        {
            foreach (var node in same)
            {
                Release(node);
                GivenUp++;
            }
        }
    }

    /// <summary>Gives up what has waited too long; called from time to time too, when nothing comes.</summary>
    public void GiveUpOld(long nowMs)
    {
        while (_byAge.First is { } oldest && nowMs - oldest.Value.Header.ReceivedMs > limits.WaitingTime.TotalMilliseconds)
        {
            GiveUpOldest();
        }
    }

    public void GiveUpAll()
    {
        while (Count > 0)
        {
            GiveUpOldest();
        }
    }

    // The oldest of all is the oldest that waits for its template.
    private void GiveUpOldest()
    {
        var oldest = _byAge.First!;
        var key = (oldest.Value.Domain, oldest.Value.TemplateId);
        var same = _byTemplate[key];
        same.Dequeue();
        if (same.Count == 0)
        {
            _byTemplate.Remove(key);
        }

        Release(oldest);
        GivenUp++;
    }

    private void Release(LinkedListNode<WaitingSet> node)
    {
        var size = node.Value.Bytes.Length - WaitingSet.Lead + WaitingSet.Overhead;
        _byAge.Remove(node);
        rates.OldestWaiting = _byAge.First?.Value.Header.RatesAsOf ?? long.MaxValue;
        _bytes -= size;
        memory.Give(size);
    }
}

/// <summary>A data set whose template has not arrived, with the header of its datagram.</summary>
/// <param name="Bytes"><see cref="Lead"/> unused bytes, so that reads before a record stay inside, then the content of the set.</param>
internal sealed record WaitingSet(MessageHeader Header, FlowDomain Domain, ushort TemplateId, byte[] Bytes)
{
    public const int Lead = 8;

    /// <summary>What the bookkeeping of one waiting set costs, in bytes, so that many tiny sets are bounded too.</summary>
    public const int Overhead = 384;
}
