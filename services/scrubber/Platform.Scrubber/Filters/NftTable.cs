using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>Our table in the kernel. The only class that knows the nft program.</summary>
internal sealed class NftTable(NodeCommands node, IOptions<ScrubberOptions> options)
{
    private const string Loose = "/proc/sys/net/netfilter/nf_conntrack_tcp_loose";

    private ProxyTerms Terms => new(options.Value.SynProxyMaximumSegment, options.Value.SynProxyWindowScale);

    /// <summary>What the kernel holds and has counted, read from it.</summary>
    public async Task<KernelTable> Read(CancellationToken cancellation)
    {
        // Without elements: limits remember many sources.
        var answer = await Nft(["-j", "-t", "list", "table", "inet", options.Value.Table], input: "", cancellation, mayBeMissing: true);
        var listed = JsonNode.Parse(answer)?["nftables"]?.AsArray() ?? [];
        var counters = listed
            .Select(it => it?["counter"])
            .OfType<JsonNode>()
            .ToDictionary(it => (string)it["name"]!, it => ((long)it["packets"]!, (long)it["bytes"]!));
        return new KernelTable(
            counters.Keys.Where(name => name.EndsWith("_dropped", StringComparison.Ordinal)).Select(name => name[..^"_dropped".Length]).ToDictionary(
                name => name,
                name =>
                {
                    var (droppedPackets, droppedBytes) = counters[$"{name}_dropped"];
                    var (passedPackets, passedBytes) = counters.GetValueOrDefault($"{name}_passed");
                    var (verifiedPackets, verifiedBytes) = counters.GetValueOrDefault($"{name}_verified");
                    return new FilterCounters(
                        Math.Max(0, droppedPackets - verifiedPackets), Math.Max(0, droppedBytes - verifiedBytes), passedPackets, passedBytes, droppedPackets);
                }),
            listed.Select(it => it?["rule"]?["expr"]).OfType<JsonArray>().Select(NftRuleset.SignatureOf).ToHashSet());
    }

    /// <summary>Whether the filter has the destination that its rules are about: it ends by itself.</summary>
    public async Task<bool> HasDestination(string name, CancellationToken cancellation)
    {
        var listed = JsonNode.Parse(await Nft(["-j", "list", "set", "inet", options.Value.Table, name], input: "", cancellation, mayBeMissing: true));
        return listed?["nftables"]?.AsArray().Any(it => it?["set"]?["elem"] is JsonArray { Count: > 0 }) is true;
    }

    /// <summary>Whether the kernel can answer for victims (nftables synproxy): it is asked for such a rule, without keeping it.</summary>
    public async Task<bool> CanSynProxy(CancellationToken cancellation)
    {
        var (code, _, _) = await node.Run(
            ["nft", "-j", "-c", "-f", "-"], NftRuleset.SynProxyProbe($"{options.Value.Table}_probe").ToJsonString(), cancellation);
        if (code == 0)
        {
            await SetLoose(cancellation);
        }

        return code == 0;
    }

    /// <summary>Connections that were open before are picked up in their middle: a switch of connection tracking, on unless somebody turned it off.</summary>
    private async Task SetLoose(CancellationToken cancellation)
    {
        if (options.Value.NetworkNamespace is not null)
        {
            await node.Run(["sh", "-c", $"echo 1 > {Loose}"], input: "", cancellation); // its /proc is another
            return;
        }

        try
        {
            if ((await File.ReadAllTextAsync(Loose, cancellation)).Trim() != "1")
            {
                await File.WriteAllTextAsync(Loose, "1", cancellation);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // In a container /proc/sys is not to be written: where the node has it off, open connections break when a proxy begins.
        }
    }

    /// <summary>Makes the kernel hold exactly these filters, all at once or not at all; what the kernel refuses by itself is left out.</summary>
    /// <returns>What is in force.</returns>
    /// <exception cref="NftException">The kernel refuses; what stood stands.</exception>
    public async Task<IReadOnlyList<Filter>> Apply(
        IReadOnlyList<Filter> filters, TimeSpan lease, IReadOnlySet<string> present, CancellationToken cancellation)
    {
        try
        {
            await Change(NftRuleset.Transaction(options.Value.Table, filters, lease, present, terms: Terms));
            return filters;
        }
        catch (NftException)
        {
            // Somebody tore a part out of our table, or it is one of them only: rather a new table, and the others, than none.
        }

        var accepted = new List<Filter>();
        foreach (var filter in filters)
        {
            var alone = NftRuleset.Transaction($"{options.Value.Table}_probe", [filter], lease, present: new HashSet<string>(), terms: Terms);
            if ((await node.Run(["nft", "-j", "-c", "-f", "-"], alone.ToJsonString(), cancellation)).Code == 0)
            {
                accepted.Add(filter);
            }
        }

        await Change(NftRuleset.Transaction(options.Value.Table, accepted, lease, present, anew: true, Terms));
        return accepted;

        Task Change(JsonObject transaction) => Nft(["-j", "-f", "-"], transaction.ToJsonString(), cancellation);
    }

    /// <summary>Takes the table away when no filter stands in it: an agent that goes for ever leaves nothing.</summary>
    public async Task RemoveIfEmpty(CancellationToken cancellation)
    {
        if ((await Read(cancellation)).Counters.Count == 0)
        {
            await Nft(["delete", "table", "inet", options.Value.Table], input: "", cancellation, mayBeMissing: true);
        }
    }

    private async Task<string> Nft(string[] arguments, string input, CancellationToken cancellation, bool mayBeMissing = false)
    {
        var (code, output, fault) = await node.Run(["nft", .. arguments], input, cancellation);
        if (code == 0)
        {
            return output;
        }

        return mayBeMissing && fault.Contains("No such file or directory", StringComparison.Ordinal)
            ? """{"nftables":[]}""" // the table is not there yet
            : throw new NftException(fault);
    }
}

/// <summary>Our table, as the kernel says that it is.</summary>
/// <param name="Counters">By name of the filter (<see cref="NftRuleset.NameOf"/>).</param>
/// <param name="Rules">What each rule does, as <see cref="NftRuleset.SignatureOf"/> says it.</param>
internal sealed record KernelTable(IReadOnlyDictionary<string, FilterCounters> Counters, IReadOnlySet<string> Rules)
{
    /// <summary>Whether every rule of this filter is there.</summary>
    public bool Holds(HeldFilter filter) => Counters.ContainsKey(filter.Name) && filter.Rules.All(Rules.Contains);
}

/// <summary>A filter that was put into the kernel.</summary>
/// <param name="FilterId">Id of the filter.</param>
/// <param name="Rules">What its rules do.</param>
/// <param name="Until">When the kernel forgets it unless it is renewed (UTC).</param>
internal sealed record HeldFilter(string FilterId, IReadOnlyList<string> Rules, DateTimeOffset Until)
{
    public string Name { get; } = NftRuleset.NameOf(FilterId);
}

/// <param name="DroppedPackets">Discarded by the filter, or answered for the victim and never heard of again.</param>
/// <param name="DroppedBytes">Discarded by the filter, or answered for the victim and never heard of again.</param>
/// <param name="PassedPackets">To its destination, past all filters.</param>
/// <param name="PassedBytes">To its destination, past all filters.</param>
/// <param name="HitPackets">All that it discarded or answered, with what turned out to be real.</param>
internal sealed record FilterCounters(long DroppedPackets, long DroppedBytes, long PassedPackets, long PassedBytes, long HitPackets);

/// <summary>The kernel, or the nft program, says no.</summary>
internal sealed class NftException(string message) : Exception(message);
