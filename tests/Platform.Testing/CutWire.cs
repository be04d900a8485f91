using System.Net;
using System.Net.Sockets;

namespace Platform.Testing;

/// <summary>
/// A wire to a server that can be cut at an exact moment: before the n-th piece that wants to pass, in whichever direction. So a request
/// never arrives, or the answer to it never comes back although the work was done.
/// </summary>
public sealed class CutWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _lock = new();
    private readonly int _serverPort;
    private readonly Task _accepting;
    private CancellationTokenSource _connections = new();
    private int _left = int.MaxValue;

    public CutWire(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = Accept();
    }

    /// <summary>Where clients connect instead of to the server.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether new connections are dropped at once.</summary>
    public bool IsDown { get; set; }

    /// <summary>Whether the wire is down after a cut. Default: it can be used again at once.</summary>
    public bool StaysDown { get; init; }

    /// <summary>Whether nothing passes although every connection stands, as when the machine at one end has vanished.</summary>
    public bool IsSilent { get; set; }

    /// <summary>How often the wire was cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>Lets this many pieces pass on all connections together, then cuts them all, once.</summary>
    public void CutAfter(int pieces) => Volatile.Write(ref _left, pieces);

    /// <summary>Cuts all connections now.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            Cuts++;
            IsDown |= StaysDown;
            Volatile.Write(ref _left, int.MaxValue);
            _connections.Cancel();
            _connections = new();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Cut();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task Accept()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_end.Token);
            if (IsDown)
            {
                client.Dispose();
            }
            else
            {
                lock (_lock)
                {
                    _ = Connect(client, _connections.Token);
                }
            }
        }
    }

    private async Task Connect(TcpClient client, CancellationToken cut)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _serverPort, cut);
                client.NoDelay = server.NoDelay = true;
                await await Task.WhenAny(Pass(client.GetStream(), server.GetStream(), cut), Pass(server.GetStream(), client.GetStream(), cut));
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // Cut by us, or one end went away: both ends are closed now.
            }
        }
    }

    private async Task Pass(NetworkStream from, NetworkStream to, CancellationToken cut)
    {
        var buffer = new byte[65_536];
        while (await from.ReadAsync(buffer, cut) is > 0 and var length)
        {
            if (Interlocked.Decrement(ref _left) == -1)
            {
                Cut();
            }

            if (!IsSilent) // else it is lost
            {
                await to.WriteAsync(buffer.AsMemory(0, length), cut);
            }
        }
    }
}
