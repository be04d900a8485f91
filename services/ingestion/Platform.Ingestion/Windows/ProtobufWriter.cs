using System.Numerics;
using System.Text;

namespace Platform.Ingestion.Windows;

/// <summary>The protobuf wire format, as far as the telemetry messages need it: field numbers below 16, varints, lengths.</summary>
/// <param name="room">Where to write: as long as all that will be written.</param>
internal ref struct ProtobufWriter(Span<byte> room)
{
    private readonly Span<byte> _room = room;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    public static int Size(ulong value) => (BitOperations.Log2(value | 1) + 7) / 7;

    public void Begin(int field, int length)
    {
        Varint((ulong)(field << 3 | 2));
        Varint((ulong)length);
    }

    public void Number(int field, ulong value)
    {
        Varint((ulong)(field << 3));
        Varint(value);
    }

    public void NumberUnlessZero(int field, ulong value)
    {
        if (value != 0)
        {
            Number(field, value);
        }
    }

    public void Bytes(int field, scoped ReadOnlySpan<byte> value)
    {
        Begin(field, value.Length);
        value.CopyTo(_room[Length..]);
        Length += value.Length;
    }

    public void Text(int field, string value)
    {
        Begin(field, Encoding.UTF8.GetByteCount(value));
        Length += Encoding.UTF8.GetBytes(value, _room[Length..]);
    }

    private void Varint(ulong value)
    {
        var at = Length;
        for (; value >= 0x80; value >>= 7)
        {
            _room[at++] = (byte)(value | 0x80);
        }

        _room[at++] = (byte)value;
        Length = at;
    }
}
