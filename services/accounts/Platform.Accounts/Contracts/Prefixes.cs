using System.Net;
using System.Net.Sockets;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

/// <summary>Which address space may be protected. Pure.</summary>
internal static class Prefixes
{
    public const int Most = 256;
    public const int WidestIPv4 = 8;
    public const int WidestIPv6 = 16;

    // Announcing a route for any of these would protect nobody and may break somebody.
    private static readonly IPNetwork[] NotRoutable =
    [
        IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("224.0.0.0/3"),
        IPNetwork.Parse("::/16"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("ff00::/8"),
    ];

    /// <summary>The prefixes in address order, or why they cannot be protected together.</summary>
    public static Rejection? Check(IReadOnlyList<string> texts, out IReadOnlyList<string> inOrder)
    {
        inOrder = [];
        if (texts.Count is 0 or > Most)
        {
            return ContractRejections.PrefixesMissing(Most);
        }

        var networks = new List<IPNetwork>(texts.Count);
        foreach (var text in texts)
        {
            if (Check(text, out var network) is { } reason)
            {
                return reason;
            }

            networks.Add(network);
        }

        networks.Sort(ByAddress);
        // In address order, an overlap shows between neighbours: prefixes nest or are apart, and the wider of two comes first.
        for (var i = 1; i < networks.Count; i++)
        {
            if (networks[i - 1].Contains(networks[i].BaseAddress))
            {
                return ContractRejections.PrefixesOverlap(networks[i - 1].ToString(), networks[i].ToString());
            }
        }

        inOrder = [.. networks.Select(network => network.ToString())];
        return null;
    }

    private static Rejection? Check(string text, out IPNetwork network)
    {
        if (!IPNetwork.TryParse(text, out network) || network.ToString() != text)
        {
            return ContractRejections.PrefixInvalid(text);
        }

        var prefix = network;
        var ipv4 = prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
        if (prefix.PrefixLength < (ipv4 ? WidestIPv4 : WidestIPv6))
        {
            return ContractRejections.PrefixTooWide(text, WidestIPv4, WidestIPv6);
        }

        if (prefix.BaseAddress.IsIPv4MappedToIPv6)
        {
            return ContractRejections.PrefixNotRoutable(text, "::ffff:0:0/96"); // IPNetwork takes it for an IPv4 address
        }

        return NotRoutable.Where(range => range.Contains(prefix.BaseAddress))
            .Select(range => ContractRejections.PrefixNotRoutable(text, range.ToString()))
            .FirstOrDefault();
    }

    private static int ByAddress(IPNetwork one, IPNetwork other)
    {
        var (left, right) = (one.BaseAddress.GetAddressBytes(), other.BaseAddress.GetAddressBytes());
        var order = left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.AsSpan().SequenceCompareTo(right);
        return order != 0 ? order : one.PrefixLength.CompareTo(other.PrefixLength);
    }
}
