using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>
/// Who of a block of very many hosts had most in one of the last seconds: a block of IPv6 has as many as somebody cares to send to, and whom an anomaly names is
/// asked in the middle of it. Bounded, and nothing is allocated for an increment.
/// </summary>
internal sealed class Busiest
{
    private const int Most = 64;
    private const int Kept = 12; // seconds, as long as anybody looks back
    private const double PacketBits = 8_000; // so much counts as another packet: few long ones are much, too
    private readonly (TargetWatch Host, long Second, double Had)[] _hosts = new (TargetWatch, long, double)[Most];
    private int _count;
    private double _least; // who had no more is not let in
    private long _until; // until one of them is too long ago

    public IEnumerable<TargetWatch> Hosts => _hosts.Take(_count).Select(one => one.Host);

    /// <param name="host">A host of the block.</param>
    /// <param name="second">Which second has grown.</param>
    /// <param name="amount">What it has by now.</param>
    public void Note(TargetWatch host, long second, Amount amount)
    {
        var had = amount.Packets + (amount.Bits / PacketBits);
        if (_count == Most && had <= _least && second <= _until)
        {
            return;
        }

        var at = 0;
        while (at < _count && _hosts[at].Host != host)
        {
            at++;
        }

        if (at == _count)
        {
            at = _count < Most ? _count++ : Last(second);
        }
        else if (had <= Weight(_hosts[at], second))
        {
            return;
        }

        _hosts[at] = (host, second, had);
        if (_count == Most)
        {
            (_least, _until) = (Weight(_hosts[Last(second)], second), _hosts.Min(one => one.Second) + Kept);
        }
    }

    /// <summary>Who is forgotten is nobody to name.</summary>
    public void Keep(Func<TargetWatch, bool> isKnown)
    {
        var kept = 0;
        for (var at = 0; at < _count; at++)
        {
            if (isKnown(_hosts[at].Host))
            {
                _hosts[kept++] = _hosts[at];
            }
        }

        Array.Clear(_hosts, kept, _count - kept);
        _count = kept;
    }

    private int Last(long second)
    {
        var last = 0;
        for (var at = 1; at < _count; at++)
        {
            last = Weight(_hosts[at], second) < Weight(_hosts[last], second) ? at : last;
        }

        return last;
    }

    private static double Weight((TargetWatch Host, long Second, double Had) one, long second) => second - one.Second > Kept ? 0 : one.Had;
}
