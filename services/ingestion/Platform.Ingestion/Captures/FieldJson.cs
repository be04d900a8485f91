using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.Json;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>The value of one field as JSON: numbers are numbers, addresses and names are text, everything else is octets in hexadecimal.</summary>
internal static class FieldJson
{
    public static void Write(Utf8JsonWriter json, ElementType type, ReadOnlySpan<byte> value)
    {
        switch (type)
        {
            case ElementType.Unsigned or ElementType.Seconds or ElementType.Milliseconds when value.Length <= 8:
                json.WriteNumberValue(Unsigned(value));
                break;
            case ElementType.Signed when value.Length is > 0 and <= 8:
                json.WriteNumberValue((long)(Unsigned(value) << (64 - 8 * value.Length)) >> (64 - 8 * value.Length));
                break;
            case ElementType.Float when value.Length == 8 && double.IsFinite(BinaryPrimitives.ReadDoubleBigEndian(value)):
                json.WriteNumberValue(BinaryPrimitives.ReadDoubleBigEndian(value));
                break;
            case ElementType.Float when value.Length == 4 && float.IsFinite(BinaryPrimitives.ReadSingleBigEndian(value)):
                json.WriteNumberValue(BinaryPrimitives.ReadSingleBigEndian(value));
                break;
            case ElementType.Boolean when value.Length == 1 && value[0] <= 2:
                json.WriteBooleanValue(value[0] == 1); // RFC 7011 section 6.1.5 says 1 and 2; some send 0 for false
                break;
            case ElementType.NtpMicroseconds when value.Length == 8:
                json.WriteNumberValue(NtpToUnix(value, 1_000_000));
                break;
            case ElementType.NtpNanoseconds when value.Length == 8:
                json.WriteNumberValue(NtpToUnix(value, 1_000_000_000));
                break;
            case ElementType.Mac when value.Length == 6:
                json.WriteStringValue(Mac(value));
                break;
            case ElementType.IPv4 when value.Length == 4:
            case ElementType.IPv6 when value.Length == 16:
                json.WriteStringValue(new IPAddress(value).ToString());
                break;
            case ElementType.Text:
                json.WriteStringValue(Encoding.UTF8.GetString(value.TrimEnd((byte)0)));
                break;
            default:
                json.WriteStringValue($"0x{Convert.ToHexStringLower(value)}");
                break;
        }
    }

    public static string Mac(ReadOnlySpan<byte> value) =>
        $"{value[0]:x2}:{value[1]:x2}:{value[2]:x2}:{value[3]:x2}:{value[4]:x2}:{value[5]:x2}";

    private static ulong Unsigned(ReadOnlySpan<byte> value)
    {
        var number = 0UL;
        foreach (var octet in value)
        {
            number = number << 8 | octet;
        }

        return number;
    }

    private static long NtpToUnix(ReadOnlySpan<byte> value, long unitsPerSecond)
    {
        var seconds = BinaryPrimitives.ReadUInt32BigEndian(value) - 2_208_988_800L + (value[0] < 0x80 ? 1L << 32 : 0); // anew in 2036
        var fraction = (long)((UInt128)BinaryPrimitives.ReadUInt32BigEndian(value[4..]) * (ulong)unitsPerSecond >> 32);
        return seconds * unitsPerSecond + fraction;
    }
}
