using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>
/// What one host received by flows of the same vectors over the same seconds. 32 bytes for IPv4, 48 for IPv6. Flows that differ only in what nobody counts
/// share a row, and a row is spread over its seconds only when it is sent, so a long flow costs no more than a short one.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct WindowRow<THost>
    where THost : unmanaged, IEquatable<THost>
{
    public THost Host;
    public TrafficVectors Vectors;

    /// <summary>First and last second, counted from the first second of the table's reach.</summary>
    public byte First;
    public byte Last;

    /// <summary>Stands in the list of rows to be sent before the window closes.</summary>
    public bool IsUrgent;

    /// <summary>Came near a watch level since the windows opened.</summary>
    public bool IsHot;
    public uint Flows;
    public ulong Bytes;
    public ulong Packets;
}

/// <summary>Rows by (host, vectors, seconds): open addressing over an index of row numbers, rows themselves dense and in pieces that are used again.</summary>
internal sealed class WindowTable<THost>
    where THost : unmanaged, IEquatable<THost>
{
    private const int PieceBits = 14;
    public const int PieceSize = 1 << PieceBits;
    private const int SmallestIndex = 1 << 12;

    // An entry of the index is a row's number, from 1, and above that six bits of the key's hash: another key's row is hardly ever looked at in vain.
    private const uint TagMask = 0xFC00_0000;

    // Pieces are shared by all tables of a family: what one thread fills, the sender hands back for any.
    private static readonly ConcurrentBag<WindowRow<THost>[]> Free = [];

    private readonly int _limit;
    private uint[] _index = new uint[SmallestIndex];
    private WindowRow<THost>[][] _pieces = [];
    private int _count;

    public WindowTable(int limit) => _limit = limit;

    public int Count => _count;

    /// <summary>Bytes that the index and the rows in use take.</summary>
    public long Memory => _index.Length * 4L + _pieces.Length * (long)PieceSize * Unsafe.SizeOf<WindowRow<THost>>();

    /// <summary>The row for the key, new when there was none. A null reference when the table is full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref WindowRow<THost> Row(THost host, ulong hash, TrafficVectors vectors, byte first, byte last, out int number)
    {
        var mask = _index.Length - 1;
        var tag = (uint)hash & TagMask;
        ref var index = ref MemoryMarshal.GetArrayDataReference(_index);
        for (var at = (int)(hash >> 32) & mask; ; at = (at + 1) & mask)
        {
            var entry = Unsafe.Add(ref index, at);
            if (entry == 0)
            {
                return ref Add(host, hash, vectors, first, last, at, out number);
            }

            if ((entry & TagMask) != tag)
            {
                continue;
            }

            number = (int)(entry & ~TagMask) - 1;
            ref var row = ref this[number];
            if (row.Host.Equals(host) && row.Vectors == vectors && row.First == first && row.Last == last)
            {
                return ref row;
            }
        }
    }

    /// <summary>Brings the place of the index where a key of this hash begins towards the processor, for <see cref="FetchRow"/> soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FetchIndex(ulong hash) => Fetch(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_index), (int)(hash >> 32) & (_index.Length - 1)));

    /// <summary>Brings the row that this hash most likely leads to towards the processor, for <see cref="Row"/> soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FetchRow(ulong hash)
    {
        var entry = Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_index), (int)(hash >> 32) & (_index.Length - 1));
        if (entry != 0)
        {
            Fetch(ref this[(int)(entry & ~TagMask) - 1]);
        }
    }

    public ref WindowRow<THost> this[int number]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref Unsafe.Add(
            ref MemoryMarshal.GetArrayDataReference(Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_pieces), number >> PieceBits)),
            number & (PieceSize - 1));
    }

    /// <summary>Hands over the rows and starts empty.</summary>
    public WindowRows<THost> Take()
    {
        var taken = new WindowRows<THost>(_pieces, _count);
        _pieces = [];
        // An index much larger than what it held shrinks, slowly, so that one busy second does not keep memory for ever.
        if (_index.Length > SmallestIndex && _count < _index.Length / 16)
        {
            _index = new uint[_index.Length / 2];
        }
        else
        {
            Array.Clear(_index);
        }

        _count = 0;
        return taken;
    }

    internal static void Return(WindowRow<THost>[] piece, int most)
    {
        if (Free.Count < most)
        {
            Free.Add(piece);
        }
    }

    // A hint: harmless when the array moves meanwhile, and on processors without it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Fetch<T>(ref T place)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref place));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ref WindowRow<THost> Add(
        THost host, ulong hash, TrafficVectors vectors, byte first, byte last, int at, out int number)
    {
        number = _count;
        if (_count >= _limit)
        {
            return ref Unsafe.NullRef<WindowRow<THost>>();
        }

        if (_count >> PieceBits == _pieces.Length)
        {
            Array.Resize(ref _pieces, _pieces.Length + 1);
            _pieces[^1] = Free.TryTake(out var free) ? free : GC.AllocateUninitializedArray<WindowRow<THost>>(PieceSize);
        }

        _count++;
        _index[at] = (uint)_count | ((uint)hash & TagMask);
        ref var row = ref this[number];
        row = new WindowRow<THost> { Host = host, Vectors = vectors, First = first, Last = last };
        if (_count > _index.Length / 4 * 3)
        {
            Grow();
        }

        return ref row;
    }

    private void Grow()
    {
        _index = new uint[_index.Length * 2];
        var mask = _index.Length - 1;
        for (var number = 0; number < _count; number++)
        {
            ref var row = ref this[number];
            var hash = WindowHash.Of(row.Host, row.Vectors, row.First, row.Last);
            var at = (int)(hash >> 32) & mask;
            while (_index[at] != 0)
            {
                at = (at + 1) & mask;
            }

            _index[at] = (uint)(number + 1) | ((uint)hash & TagMask);
        }
    }
}

/// <summary>Rows that were taken out of a table. Give them back with <see cref="Release"/> when they are sent.</summary>
internal readonly struct WindowRows<THost>(WindowRow<THost>[][] pieces, int count)
    where THost : unmanaged, IEquatable<THost>
{
    private const int MostFreePieces = 256; // 128 MB of IPv4 rows at most wait to be used again

    public int Count => count;

    public int PieceCount => (count + WindowTable<THost>.PieceSize - 1) / WindowTable<THost>.PieceSize;

    public ref WindowRow<THost> this[int number] => ref pieces[number / WindowTable<THost>.PieceSize][number % WindowTable<THost>.PieceSize];

    public Span<WindowRow<THost>> Piece(int number) =>
        pieces[number].AsSpan(0, Math.Min(WindowTable<THost>.PieceSize, count - number * WindowTable<THost>.PieceSize));

    public void Release() => Array.ForEach(pieces ?? [], piece => WindowTable<THost>.Return(piece, MostFreePieces));
}

internal static class WindowHash
{
    // Keyed per process: whoever chooses addresses must not be able to choose collisions.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of<THost>(THost host, TrafficVectors vectors, byte first, byte last)
        where THost : unmanaged, IEquatable<THost>
    {
        var low = (ulong)vectors << 16 | (uint)(first << 8) | last;
        if (typeof(THost) == typeof(uint))
        {
            low ^= (ulong)(uint)(object)host << 32;
        }
        else
        {
            var address = (HostAddress)(object)host;
            low = Mix(low ^ address.High) ^ address.Low;
        }

        return Mix(low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        var high = Math.BigMul(value ^ Seed, 0x9E37_79B9_7F4A_7C15UL, out var low);
        return BitOperations.RotateLeft(high ^ low, 29) * 0xD6E8_FEB8_6659_FD93UL;
    }
}
