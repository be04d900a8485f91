using System.Collections.Frozen;
using System.Globalization;

namespace Platform.Ingestion.Flows;

/// <summary>How the bytes of an element are read (RFC 7011 section 6.1, RFC 7012 section 3.1).</summary>
internal enum ElementType
{
    Unsigned,
    Signed,
    Float,
    Boolean,
    Mac,
    Octets,
    Text,
    Seconds,
    Milliseconds,
    NtpMicroseconds,
    NtpNanoseconds,
    IPv4,
    IPv6,
}

/// <param name="Name">IANA name, such as <c>sourceIPv4Address</c>.</param>
internal sealed record InformationElement(string Name, ElementType Type);

/// <summary>Names and types of information elements, from <c>InformationElements.txt</c>.</summary>
internal static class InformationElements
{
    private const uint ReversePen = 29305;

    private static readonly FrozenDictionary<(uint Pen, ushort Id), InformationElement> Known = Load();

    public static int Count => Known.Count;

    /// <summary>The element; one that nobody named gets a name made of its numbers and is shown as octets.</summary>
    public static InformationElement Of(TemplateField field)
    {
        if (field.IsV9Scope)
        {
            return field.Id switch
            {
                1 => new("scopeSystem", ElementType.Octets),
                2 => new("scopeInterface", ElementType.Unsigned),
                3 => new("scopeLineCard", ElementType.Unsigned),
                4 => new("scopeCache", ElementType.Octets),
                5 => new("scopeTemplate", ElementType.Unsigned),
                _ => new($"scope{field.Id}", ElementType.Octets),
            };
        }

        if (Known.TryGetValue((field.Pen, field.Id), out var element))
        {
            return element;
        }

        // RFC 5103: the reverse of an IANA element has its number under this enterprise.
        if (field.Pen == ReversePen && Known.TryGetValue((0, field.Id), out var forward))
        {
            return new($"reverse{char.ToUpperInvariant(forward.Name[0])}{forward.Name[1..]}", forward.Type);
        }

        return new(field.Pen == 0 ? $"element{field.Id}" : $"enterprise{field.Pen}.{field.Id}", ElementType.Octets);
    }

    private static FrozenDictionary<(uint, ushort), InformationElement> Load()
    {
        using var resource = typeof(InformationElements).Assembly.GetManifestResourceStream(
            "Platform.Ingestion.Flows.InformationElements.txt")!;
        using var reader = new StreamReader(resource);
        var elements = new Dictionary<(uint, ushort), InformationElement>();
        var pen = 0u;
        while (reader.ReadLine() is { } line)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words[0].StartsWith('#'))
            {
                continue;
            }

            if (words[0] == "enterprise")
            {
                pen = uint.Parse(words[1], CultureInfo.InvariantCulture);
                continue;
            }

            elements.Add((pen, ushort.Parse(words[0], CultureInfo.InvariantCulture)), new(words[1], TypeOf(words[2])));
        }

        return elements.ToFrozenDictionary();
    }

    private static ElementType TypeOf(string word) => word switch
    {
        "u8" or "u16" or "u32" or "u64" => ElementType.Unsigned,
        "s32" => ElementType.Signed,
        "f64" => ElementType.Float,
        "bool" => ElementType.Boolean,
        "mac" => ElementType.Mac,
        "octets" or "list" => ElementType.Octets,
        "string" => ElementType.Text,
        "sec" => ElementType.Seconds,
        "ms" => ElementType.Milliseconds,
        "us" => ElementType.NtpMicroseconds,
        "ns" => ElementType.NtpNanoseconds,
        "ip4" => ElementType.IPv4,
        "ip6" => ElementType.IPv6,
        _ => throw new InvalidDataException($"InformationElements.txt: no type '{word}'."),
    };
}
