using System.Buffers.Binary;
using System.Net;
using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>What is kept in memory of one host: its last seconds, and what its stream says. A few hundred bytes.</summary>
internal sealed class HostWatch
{
    private Slot[] _slots = [];

    /// <summary>State of the target's stream as far as this process knows; the stream itself has the last word.</summary>
    public AnomalyState State { get; set; } = AnomalyState.Quiet;

    /// <summary>A finding about this host is being recorded; until then nothing further is decided about it.</summary>
    public bool IsDeciding { get; set; }

    public DateTimeOffset LastArrival { get; set; }

    /// <summary>When traffic of one second was last seen near a threshold.</summary>
    public DateTimeOffset LastHigh { get; set; }

    /// <summary>The newest second that was near a threshold, seconds since 1970.</summary>
    public long LastHighSecond { get; set; }

    public Amount Peak { get; set; }

    /// <summary>Adds an increment to its second and gives back the whole second; an increment that is too late only itself.</summary>
    public (SecondTraffic Whole, bool IsLate) Add(long second, in SecondTraffic increment, int latenessSeconds)
    {
        var newest = long.MinValue;
        var reusable = -1;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_slots[i].Second == second)
            {
                _slots[i].Traffic += increment;
                return (_slots[i].Traffic, false);
            }

            newest = Math.Max(newest, _slots[i].Second);
        }

        if (newest != long.MinValue && second < newest - latenessSeconds)
        {
            return (increment, true);
        }

        newest = Math.Max(newest, second);
        for (var i = 0; i < _slots.Length && reusable < 0; i++)
        {
            reusable = _slots[i].Second < newest - latenessSeconds ? i : -1;
        }

        if (reusable < 0)
        {
            reusable = _slots.Length;
            Array.Resize(ref _slots, _slots.Length + 1);
        }

        _slots[reusable] = new Slot { Second = second, Traffic = increment };
        return (increment, false);
    }

    private struct Slot
    {
        public long Second;
        public SecondTraffic Traffic;
    }
}

/// <summary>A host address in 16 bytes; IPv4 as in ::ffff:0:0/96.</summary>
internal readonly record struct HostAddress(UInt128 Value)
{
    private const ulong MappedIPv4 = 0xFFFF_0000_0000;

    /// <summary>From 4 or 16 bytes in network order; null for any other length.</summary>
    public static HostAddress? Read(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => new HostAddress(MappedIPv4 | BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => new HostAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes)),
        _ => null,
    };

    /// <summary>The host alone, /32 or /128.</summary>
    public IPNetwork ToNetwork()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return Value >> 32 == 0xFFFF
            ? new IPNetwork(new IPAddress(bytes[12..]), 32)
            : new IPNetwork(new IPAddress(bytes), 128);
    }
}
