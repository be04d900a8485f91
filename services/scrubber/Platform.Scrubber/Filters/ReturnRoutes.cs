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
internal sealed class ReturnRoutes(NodeCommands node, IOptions<ScrubberOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private string? _applied;
    private DateTimeOffset _lookAgainAt;

    /// <summary>Makes the node hold exactly this. What it was made to hold is looked at again from time to time: others have hands too.</summary>
    /// <exception cref="NftException">The kernel refuses, for example because there is no such interface.</exception>
    public async Task Apply(IReadOnlyList<string> diverted, ReturnPath? path, CancellationToken cancellation)
    {
        string[] prefixes = path is null ? [] : [.. diverted.Distinct().Order(StringComparer.Ordinal)];
        var wanted = $"{path} {string.Join(' ', prefixes)}";
        if (wanted == _applied && clock.GetUtcNow() < _lookAgainAt)
        {
            return;
        }

        foreach (var (family, nextHop, any) in new[]
        {
            ("-4", path?.NextHopIpv4, AddressFamily.InterNetwork),
            ("-6", path?.NextHopIpv6, AddressFamily.InterNetworkV6),
        })
        {
            var via = Via(path?.Interface, nextHop);
            string[] own = via.Length == 0 ? [] : [.. prefixes.Where(prefix => IPNetwork.Parse(prefix).BaseAddress.AddressFamily == any)];
            if (own.Length > 0)
            {
                await Ip([family, "route", "replace", "default", .. via, "table", Table], cancellation); // first where to, then for whom
            }

            await Rules(family, own, cancellation);
        }

        (_applied, _lookAgainAt) = (wanted, clock.GetUtcNow() + LookInterval);
    }

    private async Task Rules(string family, string[] wanted, CancellationToken cancellation)
    {
        var (code, output, _) = await node.Run(["ip", family, "-j", "rule", "show", "table", Table], input: "", cancellation);
        var held = (code == 0 && output.Trim().Length > 0 ? JsonNode.Parse(output)!.AsArray() : [])
            .Select(rule => Prefix(rule!, family))
            .ToHashSet();
        foreach (var prefix in wanted.Where(prefix => !held.Contains(prefix)))
        {
            await Ip([family, "rule", "add", "to", prefix, "lookup", Table, "priority", Table], cancellation);
        }

        foreach (var prefix in held.Where(prefix => !wanted.Contains(prefix)))
        {
            await Ip([family, "rule", "del", "to", prefix, "lookup", Table], cancellation);
        }
    }

    /// <summary>The program leaves the length of hosts out.</summary>
    private static string Prefix(JsonNode rule, string family) => string.Create(
        CultureInfo.InvariantCulture, $"{(string?)rule["dst"] ?? "all"}/{(int?)rule["dstlen"] ?? (family == "-4" ? 32 : 128)}");

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
