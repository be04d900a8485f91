using System.Globalization;

namespace Platform.Mitigation.Bgp;

/// <summary>A BGP community (RFC 1997).</summary>
internal readonly record struct Community(uint Value) : IComparable<Community>
{
    /// <summary>BLACKHOLE, 65535:666 (RFC 7999, section 5).</summary>
    public static readonly Community Blackhole = new(0xFFFF_029A);

    /// <summary>NO_EXPORT, 65535:65281 (RFC 1997): what carries it stays in the network that got it.</summary>
    public static readonly Community NoExport = new(0xFFFF_FF01);

    public static Community Parse(string text) =>
        TryParse(text, out var community) ? community : throw new FormatException($"'{text}' is not a community.");

    public static bool TryParse(string text, out Community community)
    {
        var parts = text.Split(':');
        community = default;
        if (parts.Length != 2 || !TryParsePart(parts[0], out var high) || !TryParsePart(parts[1], out var low))
        {
            return false;
        }

        community = new Community(((uint)high << 16) | low);
        return true;
    }

    public int CompareTo(Community other) => Value.CompareTo(other.Value);

    public override string ToString() => $"{Value >> 16}:{Value & 0xFFFF}";

    private static bool TryParsePart(string text, out ushort part) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out part);
}
