using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>
/// The way back of cleaned traffic: a routing table of our own, asked for diverted prefixes only. The main table would lead them to where the
/// diverting route leads everybody: here. The only class that knows the ip program.
/// </summary>
/// <remarks>
/// Routing rules have no expiry, so none names a prefix: packets to diverted prefixes get a mark, from sets whose elements have a timeout, and one rule
/// leads what is marked. An agent that is killed for good leaves no address behind. What a SYN proxy sends by itself cannot be marked, so what it answers for
/// has a rule each; abroad there are no proxies.
/// </remarks>
internal sealed class ReturnRoutes(NodeCommands node, IOptions<ScrubberOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private string? _applied;
    private IReadOnlyList<string> _returned = [];
    private DateTimeOffset _lookAgainAt;

    /// <summary>Makes the node hold exactly this. What it was made to hold is looked at again from time to time: others have hands too.</summary>
    /// <param name="diverted">For which prefixes.</param>
    /// <param name="proxied">Destinations that are answered for here: what a proxy sends to them carries no mark.</param>
    /// <param name="path">Which way.</param>
    /// <param name="lease">How long it lasts unless it is renewed.</param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <returns>The prefixes that have a way back: without any way of our own all, by the routing of the node; else those of a family that the way takes.</returns>
    /// <exception cref="NftException">The kernel refuses, for example because there is no such interface.</exception>
    public async Task<IReadOnlyList<string>> Apply(
        IReadOnlyList<string> diverted, IReadOnlyList<string> proxied, ReturnPath? path, TimeSpan lease, CancellationToken cancellation)
    {
        string[] prefixes = path is null ? [] : [.. diverted.Distinct().Order(StringComparer.Ordinal)];
        var wanted = $"{path} {string.Join(' ', prefixes)} {string.Join(' ', proxied)}";
        if (wanted == _applied && clock.GetUtcNow() < _lookAgainAt)
        {
            return path is null ? [.. diverted] : _returned; // without a way of our own nothing was applied that could be remembered
        }

        (_applied, _returned) = (null, []);
        var returned = path is null ? [.. diverted] : new List<string>();
        var marked = new Dictionary<string, string[]>();
        foreach (var (family, nextHop, any) in new[]
        {
            ("-4", path?.NextHopIpv4, AddressFamily.InterNetwork),
            ("-6", path?.NextHopIpv6, AddressFamily.InterNetworkV6),
        })
        {
            var via = Via(path?.Interface, nextHop);
            var own = via.Length == 0 ? [] : prefixes.Where(prefix => IPNetwork.Parse(prefix).BaseAddress.AddressFamily == any).ToList();
            returned.AddRange(own);
            marked[family] = Widest(own.Select(IPNetwork.Parse));
            if (marked[family].Length > 0)
            {
                await Ip([family, "route", "replace", "default", .. via, "table", Table], cancellation); // first where to, then for whom
            }

            var direct = marked[family].Length == 0 ? [] : proxied.Where(prefix => IPNetwork.Parse(prefix).BaseAddress.AddressFamily == any);
            await Rules(family, [.. marked[family].Length > 0 ? (string[])[Marked] : [], .. direct.Distinct().Select(prefix => $"to {prefix}")], cancellation);
        }

        await Mark(marked["-4"], marked["-6"], lease, cancellation);
        (_applied, _lookAgainAt, _returned) = (wanted, clock.GetUtcNow() + (lease / 3 < LookInterval ? lease / 3 : LookInterval), returned);
        return returned;
    }

    /// <summary>Without what lies in another: sets hold no two intervals of the same address.</summary>
    private static string[] Widest(IEnumerable<IPNetwork> prefixes)
    {
        var all = prefixes.ToList();
        return [.. all.Where(it => !all.Any(other => other != it && other.Contains(it.BaseAddress) && other.PrefixLength <= it.PrefixLength)).Select(it => it.ToString())];
    }

    /// <summary>One rule for what is marked, those for what is proxied, and no other that leads to our table.</summary>
    private async Task Rules(string family, string[] wanted, CancellationToken cancellation)
    {
        var (code, output, _) = await node.Run(["ip", family, "-j", "rule", "show", "table", Table], input: "", cancellation);
        var held = (code == 0 && output.Trim().Length > 0 ? JsonNode.Parse(output)!.AsArray() : []).Select(rule => Selector(rule!, family)).ToHashSet();
        foreach (var selector in wanted.Where(selector => !held.Contains(selector)))
        {
            await Ip([family, "rule", "add", .. selector.Split(' '), "lookup", Table, "priority", Table], cancellation);
        }

        foreach (var selector in held.Where(selector => !wanted.Contains(selector)))
        {
            await Ip([family, "rule", "del", .. selector.Split(' '), "lookup", Table], cancellation);
        }
    }

    /// <summary>The program leaves the length of hosts out.</summary>
    private static string Selector(JsonNode rule, string family) => rule["fwmark"] is { } mark
        ? $"fwmark {(string)mark!}"
        : string.Create(CultureInfo.InvariantCulture, $"to {(string?)rule["dst"] ?? "all"}/{(int?)rule["dstlen"] ?? (family == "-4" ? 32 : 128)}");

    private string Marked => string.Create(CultureInfo.InvariantCulture, $"fwmark 0x{options.Value.ReturnTable:x}");

    /// <summary>Packets that come through, and those that a proxy here sends to victims, in one transaction.</summary>
    private async Task Mark(string[] ipv4, string[] ipv6, TimeSpan lease, CancellationToken cancellation)
    {
        var table = $"{options.Value.Table}_back";
        var isEmpty = ipv4.Length + ipv6.Length == 0;
        var script = $"table inet {table}\ndelete table inet {table}\n" + (isEmpty ? "" : string.Create(CultureInfo.InvariantCulture, $$"""
            table inet {{table}} {
                set back4 { type ipv4_addr; flags interval, timeout; {{Elements(ipv4, lease)}} }
                set back6 { type ipv6_addr; flags interval, timeout; {{Elements(ipv6, lease)}} }
                chain through { type filter hook prerouting priority -150; ip daddr @back4 meta mark set {{Table}}; ip6 daddr @back6 meta mark set {{Table}}; }
                chain own { type route hook output priority -150; ip daddr @back4 meta mark set {{Table}}; ip6 daddr @back6 meta mark set {{Table}}; }
            }
            """));
        var (code, _, fault) = await node.Run(["nft", "-f", "-"], script, cancellation);
        if (code != 0)
        {
            throw new NftException($"nft: {fault.Split('\n')[0]}");
        }
    }

    private static string Elements(string[] prefixes, TimeSpan lease) => prefixes.Length == 0
        ? ""
        : $"elements = {{ {string.Join(", ", prefixes.Select(prefix => string.Create(CultureInfo.InvariantCulture, $"{prefix} timeout {(long)lease.TotalSeconds}s")))} }}";

    private string Table => options.Value.ReturnTable.ToString(CultureInfo.InvariantCulture);

    private static string[] Via(string? device, string? nextHop) =>
    [
        .. string.IsNullOrEmpty(nextHop) ? (string[])[] : ["via", nextHop],
        .. string.IsNullOrEmpty(device) ? (string[])[] : ["dev", device],
    ];

    private async Task Ip(string[] arguments, CancellationToken cancellation)
    {
        var (code, _, fault) = await node.Run(["ip", .. arguments], input: "", cancellation);
        if (code != 0)
        {
            // Without the prefix: what stands in a log abroad stays there.
            throw new NftException($"ip {string.Join(' ', arguments.Where(it => !it.Contains('/', StringComparison.Ordinal)))}: {fault}");
        }
    }
}
