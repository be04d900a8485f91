using System.Collections.Immutable;
using System.Numerics;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Anomalies;

/// <summary>Amounts of one vector in one second; in a second they are rates.</summary>
internal readonly record struct Amount(long Bits, long Packets, long Flows = 0)
{
    public static Amount operator +(Amount left, Amount right) => new(
        SaturatingAdd(left.Bits, right.Bits), SaturatingAdd(left.Packets, right.Packets), SaturatingAdd(left.Flows, right.Flows));

    /// <summary>Never below nothing.</summary>
    public static Amount operator -(Amount left, Amount right) => new(
        Math.Max(0, left.Bits - right.Bits), Math.Max(0, left.Packets - right.Packets), Math.Max(0, left.Flows - right.Flows));

    public static Amount operator *(Amount left, double times) => new((long)(left.Bits * times), (long)(left.Packets * times), (long)(left.Flows * times));

    public static Amount Max(Amount left, Amount right) => new(
        Math.Max(left.Bits, right.Bits), Math.Max(left.Packets, right.Packets), Math.Max(left.Flows, right.Flows));

    public long this[TrafficUnit unit] => unit switch
    {
        TrafficUnit.Bits => Bits,
        TrafficUnit.Packets => Packets,
        _ => Flows,
    };

    private static long SaturatingAdd(long left, long right) => left > long.MaxValue - right ? long.MaxValue : left + right;
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum TrafficUnit
{
    Bits = 0,
    Packets = 1,
    Flows = 2,
}

/// <summary>
/// Traffic of one target in one second, as far as it is known: the whole, and of which vectors. Holds only vectors that occur, because there
/// are a million of these. A value that is changed in place: <see cref="Copy"/> it to keep it.
/// </summary>
internal struct SecondTraffic
{
    private Amount[]? _parts; // of the vectors in the mask, in their order
    private uint _mask;

    public Amount Total { get; private set; }

    /// <summary>What of it came from ports of services, as far as sketches tell.</summary>
    public Served Served { get; set; }

    /// <summary>Which vectors have occurred, bit n - 2 being vector n.</summary>
    public readonly uint Mask => _mask;

    public static SecondTraffic Of(Amount total, params ReadOnlySpan<(TrafficVector Vector, Amount Amount)> parts)
    {
        var traffic = new SecondTraffic { Total = total };
        foreach (var (vector, amount) in parts)
        {
            traffic.Add(vector, amount);
        }

        return traffic;
    }

    public readonly Amount this[TrafficVector vector]
    {
        get
        {
            if (vector is TrafficVector.Total)
            {
                return Total;
            }

            var bit = Bit(vector);
            return (_mask & bit) == 0 ? default : _parts![Position(bit)];
        }
    }

    public void Add(TrafficVector vector, Amount amount)
    {
        if (vector is TrafficVector.Total)
        {
            Total += amount;
        }
        else if (amount != default)
        {
            Part(Bit(vector)) += amount;
        }
    }

    public void Add(in SecondTraffic more)
    {
        Total += more.Total;
        Served += more.Served;
        var (mask, position) = (more._mask, 0);
        while (mask != 0)
        {
            var bit = mask & (~mask + 1);
            Part(bit) += more._parts![position++];
            mask ^= bit;
        }
    }

    /// <param name="less">What is taken away, of each as much as there is.</param>
    /// <param name="times">So often.</param>
    public void Subtract(in SecondTraffic less, int times = 1)
    {
        Total -= times == 1 ? less.Total : less.Total * times;
        Served -= less.Served * times;
        var (mask, position) = (less._mask, 0);
        while (mask != 0)
        {
            var bit = mask & (~mask + 1);
            var part = less._parts![position++];
            Part(bit) -= times == 1 ? part : part * times;
            mask ^= bit;
        }
    }

    /// <summary>Raises each vector to what the other one has.</summary>
    public void RaiseTo(in SecondTraffic other)
    {
        Total = Amount.Max(Total, other.Total);
        var (mask, position) = (other._mask, 0);
        while (mask != 0)
        {
            var bit = mask & (~mask + 1);
            ref var part = ref Part(bit);
            part = Amount.Max(part, other._parts![position++]);
            mask ^= bit;
        }
    }

    /// <summary>The sum of the vectors that exclude each other; where ingestion tells them apart it is the whole.</summary>
    public readonly Amount Parts() =>
        this[TrafficVector.Udp] + this[TrafficVector.Icmp] + this[TrafficVector.TcpSyn] + this[TrafficVector.TcpSynAck] + this[TrafficVector.TcpAck]
        + this[TrafficVector.TcpRst] + this[TrafficVector.TcpNull] + this[TrafficVector.Gre] + this[TrafficVector.IpNull] + this[TrafficVector.Other];

    public void Halve()
    {
        Total = Half(Total);
        Served *= 0.5;
        foreach (ref var part in _parts.AsSpan())
        {
            part = Half(part);
        }

        static Amount Half(Amount amount) => new(amount.Bits / 2, amount.Packets / 2, amount.Flows / 2);
    }

    /// <summary>Nothing, in the memory that is there.</summary>
    public void Clear()
    {
        (Total, Served) = (default, default);
        if (_parts is not null)
        {
            Array.Clear(_parts);
        }
    }

    public readonly SecondTraffic Copy() => new() { Total = Total, Served = Served, _mask = _mask, _parts = _parts is null ? null : [.. _parts] };

    /// <summary>Whether any watched rate exceeds this share of its threshold. Allocates nothing: it runs for every window.</summary>
    /// <param name="thresholds">What is watched.</param>
    /// <param name="of">The share.</param>
    /// <param name="only">Of other vectors than these all of the threshold counts; null: of none.</param>
    public readonly bool Exceeds(IReadOnlyList<Threshold> thresholds, double of = 1.0, ImmutableHashSet<TrafficVector>? only = null)
    {
        for (var i = 0; i < thresholds.Count; i++)
        {
            var threshold = thresholds[i];
            var amount = this[threshold.Vector];
            var share = only?.Contains(threshold.Vector) == false ? 1.0 : of;
            if (amount.Bits > threshold.BitsPerSecond * share
                || amount.Packets > threshold.PacketsPerSecond * share
                || amount.Flows > threshold.FlowsPerSecond * share)
            {
                return true;
            }
        }

        return false;
    }

    private ref Amount Part(uint bit)
    {
        var position = Position(bit);
        if ((_mask & bit) == 0)
        {
            var count = BitOperations.PopCount(_mask);
            var parts = new Amount[count + 1];
            _parts.AsSpan(0, position).CopyTo(parts);
            _parts.AsSpan(position, count - position).CopyTo(parts.AsSpan(position + 1));
            (_parts, _mask) = (parts, _mask | bit);
        }

        return ref _parts![position];
    }

    private readonly int Position(uint bit) => BitOperations.PopCount(_mask & (bit - 1));

    private static uint Bit(TrafficVector vector) => 1u << ((int)vector - 2);
}
