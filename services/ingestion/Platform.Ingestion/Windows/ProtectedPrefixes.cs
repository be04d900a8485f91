using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>
/// Longest-prefix match over both families. Immutable: a change builds a new one, and whoever looks up holds either the old or the new. A root of 65,536 entries
/// answers the first 16 bits, nodes of 256 entries the next 8 bits each; most look-ups end after one or two loads.
/// </summary>
internal sealed class ProtectedPrefixes
{
    /// <summary>No prefix covers the address.</summary>
    public const int None = -1;

    private const int RootSize = 1 << 16;
    private const int NodeSize = 1 << 8;

    // Values from 0 are what was found, -1 is nothing, below that -2 - value is the position of the next node.
    private readonly int[] _v4;
    private readonly int[] _v6;

    /// <param name="prefixes">Each with the number that a look-up gives back, from 0. Of equal prefixes the first wins.</param>
    public ProtectedPrefixes(IEnumerable<(IPNetwork Prefix, int Value)> prefixes)
    {
        // Shorter first: a longer prefix then only ever refines what is there.
        var ordered = prefixes.Reverse().OrderBy(entry => entry.Prefix.PrefixLength).ToList();
        _v4 = Build(ordered, AddressFamily.InterNetwork);
        _v6 = Build(ordered, AddressFamily.InterNetworkV6);
    }

    public static ProtectedPrefixes Empty { get; } = new([]);

    /// <summary>Number of the longest prefix that covers the address, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(HostAddress address) => address.IsV4 ? FindV4(address.V4) : FindV6(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FindV4(uint address)
    {
        ref var table = ref MemoryMarshal.GetArrayDataReference(_v4);
        var found = Unsafe.Add(ref table, (nint)(address >> 16));
        if (found < None)
        {
            found = Unsafe.Add(ref table, (nint)(-2 - found) + (nint)(address >> 8 & 0xFF));
            if (found < None)
            {
                found = Unsafe.Add(ref table, (nint)(-2 - found) + (nint)(address & 0xFF));
            }
        }

        return found;
    }

    private int FindV6(HostAddress address)
    {
        var found = _v6[address.High >> 48];
        for (var shift = 40; found < None; shift -= 8)
        {
            var octet = shift >= 0 ? address.High >> shift : address.Low >> (shift + 64);
            found = _v6[-2 - found + (int)(octet & 0xFF)];
        }

        return found;
    }

    private static int[] Build(List<(IPNetwork Prefix, int Value)> ordered, AddressFamily family)
    {
        var table = new List<int>(RootSize);
        CollectionsMarshal.SetCount(table, RootSize);
        CollectionsMarshal.AsSpan(table).Fill(None);
        Span<byte> address = stackalloc byte[16];
        foreach (var (prefix, value) in ordered)
        {
            if (prefix.BaseAddress.AddressFamily == family)
            {
                address.Clear();
                prefix.BaseAddress.TryWriteBytes(address, out _);
                Insert(table, address, prefix.PrefixLength, value);
            }
        }

        return [.. table];
    }

    private static void Insert(List<int> table, ReadOnlySpan<byte> address, int length, int value)
    {
        var node = 0;
        var bits = 16;
        int index = BinaryPrimitives.ReadUInt16BigEndian(address);
        for (var octet = 2; length > bits; octet++, bits += 8)
        {
            var entry = node + index;
            if (table[entry] >= None)
            {
                var covered = table[entry];
                table[entry] = -2 - table.Count;
                CollectionsMarshal.SetCount(table, table.Count + NodeSize);
                CollectionsMarshal.AsSpan(table)[^NodeSize..].Fill(covered);
            }

            node = -2 - table[entry];
            index = address[octet];
        }

        var width = 1 << (bits - length);
        CollectionsMarshal.AsSpan(table).Slice(node + index / width * width, width).Fill(value);
    }
}
