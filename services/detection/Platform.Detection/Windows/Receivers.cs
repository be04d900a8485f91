using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>
/// To how many hosts of a block or an object a surge goes. Bounded, and nothing is allocated for an increment: who comes when there is no room takes the
/// place of the one with the least.
/// </summary>
internal sealed class Receivers
{
    private const int Most = 64;
    private const int Few = 4; // hosts
    private const double MostOfIt = 0.5;
    private const int FewestPackets = 12; // sampled ones; fewer say nothing
    private const int LongestMemory = 60; // seconds, as of the surge
    private readonly (TargetWatch Host, double Bits)[] _had = new (TargetWatch, double)[Most];
    private int _count;
    private double _bits;
    private double _packets;
    private long _second = long.MinValue;
    private double _seconds;

    /// <param name="host">Whose it is; null: there was no room for it, and it is one of many.</param>
    public void Add(TargetWatch? host, long second, Amount amount)
    {
        Pass(second);
        _bits += amount.Bits;
        _packets += amount.Packets;
        if (host is null)
        {
            return;
        }

        var least = 0;
        for (var i = 0; i < _count; i++)
        {
            if (_had[i].Host == host)
            {
                _had[i].Bits += amount.Bits;
                return;
            }

            least = _had[i].Bits < _had[least].Bits ? i : least;
        }

        if (_count < Most)
        {
            _had[_count++] = (host, amount.Bits);
        }
        else
        {
            _had[least] = (host, _had[least].Bits + amount.Bits);
        }
    }

    /// <summary>Whether a few hosts have most of what is new beside everybody's last minutes; true as well while too few sampled packets are known.</summary>
    public bool AreFew(TargetWatch wide, double grain)
    {
        var grown = (_packets - (_seconds * wide.Before(TrafficUnit.Packets))) / grain;
        if (grown < FewestPackets)
        {
            return true;
        }

        var chance = Math.Sqrt(_packets / grain) / grown; // of all sampled packets; the usual ones were taken away

        var theirs = _had.Take(_count).Select(one => one.Bits - (_seconds * one.Host.Before(TrafficUnit.Bits)))
            .OrderDescending().Take(Few).Sum(bits => Math.Max(0, bits));
        return theirs >= (MostOfIt - chance) * (_bits - (_seconds * wide.Before(TrafficUnit.Bits)));
    }

    private void Pass(long second)
    {
        if (second <= _second)
        {
            return;
        }

        _seconds += _second == long.MinValue ? 1 : second - _second;
        _second = second;
        if (_seconds <= LongestMemory)
        {
            return;
        }

        (_bits, _packets, _seconds) = (_bits / 2, _packets / 2, _seconds / 2);
        for (var i = 0; i < _count; i++)
        {
            _had[i].Bits /= 2;
        }
    }
}
