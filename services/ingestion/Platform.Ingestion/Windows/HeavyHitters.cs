namespace Platform.Ingestion.Windows;

/// <summary>Bytes, packets and flow records.</summary>
internal readonly record struct Amounts(ulong Bytes, ulong Packets, ulong Flows)
{
    public static Amounts operator +(Amounts a, Amounts b) => new(a.Bytes + b.Bytes, a.Packets + b.Packets, a.Flows + b.Flows);

    public static Amounts operator *(Amounts a, uint factor) => new(a.Bytes * factor, a.Packets * factor, a.Flows * factor);
}

/// <summary>
/// The keys with most packets among any number, in bounded room (Space-Saving, Metwally, Agrawal, El Abbadi 2005): a new key takes the place of the smallest
/// and inherits its amounts. So no amount is too small, none is too large by more than 1/<see cref="Capacity"/> of all packets, and a key with
/// a larger share than that is certainly there.
/// </summary>
internal sealed class HeavyHitters<TKey>
    where TKey : unmanaged, IEquatable<TKey>
{
    public const int Capacity = 32;

    private const ulong BytesPerPacket = 512;

    private readonly TKey[] _keys = new TKey[Capacity];
    private readonly ulong[] _weights = new ulong[Capacity]; // apart, because finding the smallest is most of the work
    private readonly Amounts[] _amounts = new Amounts[Capacity];
    private int _count;

    public void Add(TKey key, Amounts amounts)
    {
        var at = _keys.AsSpan(0, _count).IndexOf(key);
        if (at < 0)
        {
            at = _count < Capacity ? _count++ : Smallest();
            _keys[at] = key;
        }

        // Who tells no packets is ranked by bytes, as if a packet had so many.
        _weights[at] += amounts.Packets != 0 ? amounts.Packets : amounts.Bytes / BytesPerPacket + 1;
        _amounts[at] += amounts;
    }

    /// <summary>The largest, largest first; of as many packets those with more bytes: of few sampled packets it is the long ones that tell.</summary>
    public IEnumerable<(TKey Key, Amounts Amounts)> Largest(int most) =>
        Enumerable.Range(0, _count)
            .OrderByDescending(at => _weights[at])
            .ThenByDescending(at => _amounts[at].Bytes)
            .Take(most)
            .Select(at => (_keys[at], _amounts[at]));

    public void Clear()
    {
        _count = 0;
        Array.Clear(_weights);
        Array.Clear(_amounts);
    }

    private int Smallest()
    {
        var least = ulong.MaxValue;
        foreach (var weight in _weights)
        {
            least = Math.Min(least, weight);
        }

        return Array.IndexOf(_weights, least);
    }
}
