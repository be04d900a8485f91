using System.Collections.Concurrent;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Exporters;

/// <summary>Who sends datagrams without being registered, so that an operator sees whom to register. Bounded, whoever forges how many addresses.</summary>
internal sealed class UnknownSenders
{
    /// <summary>Senders that are told apart; datagrams of others are only summed up.</summary>
    public const int Most = 1024;

    private const long IdleMs = 600_000;
    private const long SweepEveryMs = 10_000;

    private readonly ConcurrentDictionary<HostAddress, UnknownSender> _senders = [];
    private int _count;
    private long _others;
    private long _sweptMs;

    public IEnumerable<UnknownSender> All => _senders.Values;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Datagrams of senders for which there was no room.</summary>
    public long Others => Volatile.Read(ref _others);

    public void Note(HostAddress address, ReadOnlySpan<byte> datagram, long nowMs)
    {
        if (!_senders.TryGetValue(address, out var sender))
        {
            if (Count >= Most && !MakeRoom(nowMs))
            {
                Interlocked.Increment(ref _others);
                return;
            }

            var added = new UnknownSender(address, nowMs);
            sender = _senders.GetOrAdd(address, added);
            if (ReferenceEquals(sender, added))
            {
                Interlocked.Increment(ref _count);
            }
        }

        sender.Note(FlowDecoder.ProtocolOf(datagram), nowMs);
    }

    /// <summary>It is registered now.</summary>
    public void Forget(HostAddress address)
    {
        if (_senders.TryRemove(address, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    // Senders that were not heard for ten minutes give way; looked for every ten seconds at most, so that a flood cannot keep us busy with it.
    private bool MakeRoom(long nowMs)
    {
        var swept = Volatile.Read(ref _sweptMs);
        if (nowMs - swept < SweepEveryMs || Interlocked.CompareExchange(ref _sweptMs, nowMs, swept) != swept)
        {
            return false;
        }

        foreach (var idle in _senders.Values.Where(sender => nowMs - sender.LastSeenMs > IdleMs))
        {
            Forget(idle.Address);
        }

        return Count < Most;
    }
}

/// <summary>One sender that is not registered.</summary>
internal sealed class UnknownSender(HostAddress address, long firstSeenMs)
{
    private long _datagrams;

    public HostAddress Address => address;

    public long FirstSeenMs => firstSeenMs;

    public long LastSeenMs { get; private set; }

    public long Datagrams => Volatile.Read(ref _datagrams);

    /// <summary>What its last datagram looked like; null: none that we read.</summary>
    public FlowProtocol? Protocol { get; private set; }

    public void Note(FlowProtocol? protocol, long nowMs)
    {
        Interlocked.Increment(ref _datagrams);
        Protocol = protocol;
        LastSeenMs = nowMs;
    }
}
