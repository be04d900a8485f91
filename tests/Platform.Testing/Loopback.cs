using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Platform.Testing;

/// <summary>Free ports on 127.0.0.1.</summary>
public static class Loopback
{
    // Below the kernel's range for outgoing connections, so that none of them takes the port while its server is down.
    private const int First = 10_000;
    private const int End = 32_000;

    /// <summary>A port that nobody listens on, neither TCP nor UDP.</summary>
    public static int FreePort()
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(First, End);
            if (IsFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"No free port between {First} and {End}.");
    }

    /// <summary>Whether both TCP and UDP are free for us on 127.0.0.1 for this port.</summary>
    public static bool IsFree(int port)
    {
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            tcp.Bind(new IPEndPoint(IPAddress.Loopback, port));
            udp.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }

    /// <summary>Whether somebody accepts connections there.</summary>
    public static async Task<bool> Answers(string address, int port, CancellationToken cancellationToken)
    {
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await tcp.ConnectAsync(IPAddress.Parse(address), port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
