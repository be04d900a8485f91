using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>Our table in the kernel. The only class that knows the nft program.</summary>
internal sealed class NftTable(IOptions<ScrubberOptions> options)
{
    /// <summary>What the kernel holds and has counted, by name of the filter (<see cref="NftRuleset.NameOf"/>).</summary>
    public async Task<IReadOnlyDictionary<string, FilterCounters>> Read(CancellationToken cancellation)
    {
        var listed = JsonNode.Parse(await Nft(["-j", "list", "counters", "table", "inet", options.Value.Table], input: "", cancellation));
        var counters = (listed?["nftables"]?.AsArray() ?? [])
            .Select(it => it?["counter"])
            .OfType<JsonNode>()
            .ToDictionary(it => (string)it["name"]!, it => ((long)it["packets"]!, (long)it["bytes"]!));
        return counters.Keys.Where(name => name.EndsWith("_dropped", StringComparison.Ordinal)).Select(name => name[..^"_dropped".Length]).ToDictionary(
            name => name,
            name =>
            {
                var (droppedPackets, droppedBytes) = counters[$"{name}_dropped"];
                var (passedPackets, passedBytes) = counters.GetValueOrDefault($"{name}_passed");
                return new FilterCounters(droppedPackets, droppedBytes, passedPackets, passedBytes);
            });
    }

    /// <summary>Makes the kernel hold exactly these filters, all at once or not at all.</summary>
    /// <exception cref="NftException">The kernel refuses; what stood stands.</exception>
    public async Task Apply(IReadOnlyList<Filter> filters, TimeSpan lease, IReadOnlySet<string> present, CancellationToken cancellation)
    {
        try
        {
            await Change(NftRuleset.Transaction(options.Value.Table, filters, lease, present));
        }
        catch (NftException) when (present.Count > 0)
        {
            // Somebody tore a part out of our table: rather a new one than none.
            await Change(NftRuleset.Transaction(options.Value.Table, filters, lease, present, anew: true));
        }

        Task Change(JsonObject transaction) => Nft(["-j", "-f", "-"], transaction.ToJsonString(), cancellation);
    }

    /// <summary>Takes the table away when no filter stands in it: an agent that goes for ever leaves nothing.</summary>
    public async Task RemoveIfEmpty(CancellationToken cancellation)
    {
        if ((await Read(cancellation)).Count == 0)
        {
            await Nft(["delete", "table", "inet", options.Value.Table], input: "", cancellation);
        }
    }

    private async Task<string> Nft(string[] arguments, string input, CancellationToken cancellation)
    {
        string[] command = options.Value.NetworkNamespace is { } space ? ["ip", "netns", "exec", space, "nft", .. arguments] : ["nft", .. arguments];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new NftException($"{command[0]} did not start.");
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode == 0)
        {
            return await output;
        }

        var fault = await error;
        return input.Length == 0 && fault.Contains("No such file or directory", StringComparison.Ordinal)
            ? """{"nftables":[]}""" // the table is not there yet
            : throw new NftException(fault.Trim());
    }
}

/// <param name="DroppedPackets">Discarded by the filter.</param>
/// <param name="DroppedBytes">Discarded by the filter.</param>
/// <param name="PassedPackets">To its destination, past all filters.</param>
/// <param name="PassedBytes">To its destination, past all filters.</param>
internal sealed record FilterCounters(long DroppedPackets, long DroppedBytes, long PassedPackets, long PassedBytes);

/// <summary>The kernel, or the nft program, says no.</summary>
internal sealed class NftException(string message) : Exception(message);
