using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Platform.EventStore.Tests;

/// <summary>
/// A wire to the database that breaks at the n-th piece that wants to pass, in whichever direction: a request that never arrives, or
/// an answer that never comes back although the work was done.
/// </summary>
internal sealed class ACutWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _cut = new();
    private readonly Task _accepting;
    private readonly int _serverPort;
    private int _left;

    public ACutWire(string connectionString, int pieces)
    {
        _left = pieces;
        _listener.Start();
        _cut.Token.Register(_listener.Stop); // whoever comes after the cut is refused at once
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        _serverPort = server.Port;
        server.Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        server.Pooling = true;
        Database = NpgsqlDataSource.Create(server);
        _accepting = Accept();
    }

    public NpgsqlDataSource Database { get; }

    /// <summary>Whether the wire has broken; if it has not, the work needed fewer pieces.</summary>
    public bool IsCut => _cut.IsCancellationRequested;

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await _cut.CancelAsync();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _cut.Dispose();
    }

    private async Task Accept()
    {
        var wires = new List<Task>();
        while (!IsCut)
        {
            wires.Add(Connect(await _listener.AcceptTcpClientAsync(_cut.Token)));
        }

        await Task.WhenAll(wires);
    }

    private async Task Connect(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _cut.Token);
            await Task.WhenAny(Pass(client.GetStream(), server.GetStream()), Pass(server.GetStream(), client.GetStream()));
        }
    }

    private async Task Pass(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[65_536];
        while (await from.ReadAsync(buffer, _cut.Token) is > 0 and var length)
        {
            if (Interlocked.Decrement(ref _left) < 0)
            {
                await _cut.CancelAsync();
                return;
            }

            await to.WriteAsync(buffer.AsMemory(0, length), _cut.Token);
        }
    }
}
