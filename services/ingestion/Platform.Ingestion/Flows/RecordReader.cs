using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>Reads the numbers of one record by slot, without a branch.</summary>
internal readonly ref struct RecordReader(ReadOnlySpan<byte> message, int position, ReadOnlySpan<FieldSlot> slots)
{
    private readonly ref byte _record = ref Unsafe.Add(ref MemoryMarshal.GetReference(message), position);
    private readonly ref FieldSlot _slots = ref MemoryMarshal.GetReference(slots);

    /// <summary>Whether the number was told in so many bytes.</summary>
    public bool Has(Slot slot, int bytes) => Unsafe.Add(ref _slots, (nint)slot).Mask == (1UL << (8 * bytes)) - 1;

    public ulong this[Slot slot]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ref var place = ref Unsafe.Add(ref _slots, (nint)slot);
            // In bounds: a record starts at least eight bytes into the message and a slot ends inside the record.
            var word = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref _record, place.End - 8));
            return BinaryPrimitives.ReverseEndianness(word) & place.Mask;
        }
    }
}
