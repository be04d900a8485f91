using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Platform.InstallCheck;

/// <summary>Which TCP ports of which addresses answer from here: every port there is, of each address of <see cref="CheckOptions.Scan"/>.</summary>
internal sealed class PortScan(IOptions<CheckOptions> options, ILogger<PortScan> log)
{
    private const int AtOnce = 500;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500); // a policy drops what it does not allow: nothing comes back

    public async Task<int> Run()
    {
        var open = new ConcurrentBag<(string Address, int Port)>();
        foreach (var address in options.Value.Scan.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            await Parallel.ForEachAsync(Enumerable.Range(1, ushort.MaxValue), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (port, _) =>
            {
                if (await Answers(IPAddress.Parse(address), port))
                {
                    open.Add((address, port));
                }
            });
        }

        log.Result(JsonSerializer.Serialize(open.Order().Select(it => $"{it.Address}:{it.Port}")));
        return 0;
    }

    private static async Task<bool> Answers(IPAddress address, int port)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var late = new CancellationTokenSource(Patience);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(address, port), late.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
