using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

#pragma warning disable CA1416 // Locks of a part of a file are not for macOS, nor is the rest of this project.
namespace Platform.Testing;

/// <summary>Free ports on 127.0.0.1.</summary>
public static class Loopback
{
    // Below the kernel's range for outgoing connections, so that none of them takes the port while its server is down.
    private const int First = 10_000;
    private const int End = 32_000;

    private static readonly Lock Choosing = new();
    private static readonly HashSet<int> Ours = [];

    // A byte for each port; who has locked it has the port. The kernel drops the locks of a process at its end, however it ends; they are
    // not inherited. Closing any handle of the file would drop them too: there is this one, and it stays.
    private static readonly FileStream Taken = new(
        Path.Combine(Path.GetTempPath(), $"platform-ports-{Environment.UserName}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    /// <summary>
    /// A port that nobody listens on, neither TCP nor UDP, and that nobody else is given as long as this process lives: between here and
    /// the moment when a server binds it, and while that server is down, other tests choose ports too.
    /// </summary>
    public static int FreePort()
    {
        lock (Choosing)
        {
            for (var attempt = 0; attempt < 1_000; attempt++)
            {
                var port = RandomNumberGenerator.GetInt32(First, End);
                if (Take(port))
                {
                    if (IsFree(port))
                    {
                        return port;
                    }

                    Taken.Unlock(port, 1); // a server that was left running, or somebody else's
                    Ours.Remove(port);
                }
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

    /// <summary>Whether the port is ours from now on, and was not before.</summary>
    private static bool Take(int port)
    {
        if (!Ours.Add(port))
        {
            return false; // a process may lock the same byte twice
        }

        try
        {
            Taken.Lock(port, 1);
            return true;
        }
        catch (IOException)
        {
            Ours.Remove(port);
            return false; // another process's
        }
    }
}
