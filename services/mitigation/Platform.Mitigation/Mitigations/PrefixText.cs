using System.Net;
using System.Net.Sockets;

namespace Platform.Mitigation.Mitigations;

/// <summary>A prefix as somebody outside wrote it: by hand, in a policy, in the settings, in a fact.</summary>
internal static class PrefixText
{
    /// <summary>
    /// Only what nobody can take for something else. The parser drops host bits silently, reads 010.0.0.0 as octal and 1.2 as 1.0.0.2, and takes an IPv4 address in
    /// IPv6 clothes and an address of one link; none is what was meant.
    /// </summary>
    public static bool TryRead(string text, out IPNetwork prefix) =>
        IPNetwork.TryParse(text, out prefix)
        && (text == prefix.ToString() || (prefix.BaseAddress.AddressFamily is AddressFamily.InterNetworkV6 && text.All(IsOfPlainIPv6)))
        && IPAddress.TryParse(text.Split('/')[0], out var address)
        && address.Equals(prefix.BaseAddress)
        && !IsOddIPv6(address);

    /// <summary>The same of an address in the settings: in its shortest form, or none.</summary>
    public static bool IsAddress(string? text, AddressFamily family) =>
        text is null || (IPAddress.TryParse(text, out var address) && address.AddressFamily == family && address.ToString() == text);

    /// <summary>IPv4 in IPv6 clothes, or an address of one link.</summary>
    public static bool IsOddIPv6(IPAddress address) =>
        address.IsIPv4MappedToIPv6 || (address.AddressFamily is AddressFamily.InterNetworkV6 && (address.IsIPv6LinkLocal || address.ScopeId != 0));

    /// <summary>Also where it is not in its shortest form; no brackets, no zone.</summary>
    private static bool IsOfPlainIPv6(char it) => char.IsAsciiHexDigit(it) || it is ':' or '/';
}
