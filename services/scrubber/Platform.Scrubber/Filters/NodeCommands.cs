using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Extensions.Options;

namespace Platform.Scrubber.Filters;

/// <summary>Runs programs of the node, in the network namespace of the traffic.</summary>
internal sealed class NodeCommands(IOptions<ScrubberOptions> options)
{
    private const int NotFound = 127; // as shells say it

    private int _started;

    /// <summary>Programs that were started so far: what the agent costs its node.</summary>
    public int Started => Volatile.Read(ref _started);

    /// <summary>Exit code, output and what was said about errors.</summary>
    public async Task<(int Code, string Output, string Fault)> Run(string[] command, string input, CancellationToken cancellation)
    {
        string[] whole = options.Value.NetworkNamespace is { } space ? ["ip", "netns", "exec", space, .. command] : command;
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(whole[0], whole[1..])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        Interlocked.Increment(ref _started);
        try
        {
            process.Start();
        }
        catch (Win32Exception missing)
        {
            return (NotFound, "", missing.Message); // the program is not on this node
        }

        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, await output, (await error).Trim());
    }
}
