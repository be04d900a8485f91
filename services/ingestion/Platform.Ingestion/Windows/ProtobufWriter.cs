using System.Buffers;
using System.Numerics;
using System.Text;

namespace Platform.Ingestion.Windows;

/// <summary>The protobuf wire format, as far as the telemetry messages need it: field numbers below 16, varints, lengths.</summary>
internal readonly ref struct ProtobufWriter(ArrayBufferWriter<byte> output)
{
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

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Begin(field, value.Length);
        output.Write(value);
    }

    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    private void Varint(ulong value)
    {
        var span = output.GetSpan(10);
        var length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[length++] = (byte)(value | 0x80);
        }

        span[length++] = (byte)value;
        output.Advance(length);
    }
}
