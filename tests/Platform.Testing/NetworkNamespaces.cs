using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Platform.Testing;

/// <summary>Network namespaces of a test's own, with real cables between them; gone with it. Needs root and a kernel that makes them.</summary>
public sealed class NetworkNamespaces : IAsyncDisposable
{
    private const int NetworkNamespace = 0x40000000; // CLONE_NEWNET
    private readonly string _id = Secrets.Name("n")[^6..].Replace('_', 'x');
    private readonly List<string> _made = [];

    /// <summary>Why there can be none here; null when there can.</summary>
    /// <param name="programs">What a test needs beside: <c>nft</c>, <c>hping3</c>, ...</param>
    public static async Task<string?> WhyNot(params string[] programs)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "Network namespaces need root.";
        }

        if (programs.FirstOrDefault(program => !File.Exists($"/usr/sbin/{program}") && !File.Exists($"/usr/bin/{program}")) is { } missing)
        {
            return $"{missing} is not here.";
        }

        try
        {
            await using var one = new NetworkNamespaces();
            await In(await one.Add("t"), "nft", "add", "table", "inet", "t");
            return null;
        }
        catch (InvalidOperationException refused)
        {
            return $"The kernel refuses: {refused.Message.Split('\n')[0]}";
        }
    }

    /// <summary>A new one; gives back its name.</summary>
    public async Task<string> Add(string role)
    {
        var name = $"{role}{_id}";
        await Command.Run(["ip", "netns", "add", name]);
        _made.Add(name);
        await In(name, "ip", "link", "set", "lo", "up");
        return name;
    }

    /// <summary>A cable between two of them, with an address at each end where one is named (<c>10.0.0.1/24</c>). Packets stay packets: no offloading.</summary>
    public static async Task Cable(string one, string oneEnd, IEnumerable<string> oneAddresses, string other, string otherEnd, IEnumerable<string> otherAddresses)
    {
        await Command.Run(["ip", "link", "add", "name", oneEnd, "netns", one, "gso_max_segs", "1", "type", "veth", "peer", "name", otherEnd, "netns", other, "gso_max_segs", "1"]);
        foreach (var (space, end, addresses) in new[] { (one, oneEnd, oneAddresses), (other, otherEnd, otherAddresses) })
        {
            await In(space, "ip", "link", "set", "dev", end, "up");
            foreach (var address in addresses)
            {
                string[] noWait = address.Contains(':', StringComparison.Ordinal) ? ["nodad"] : [];
                await In(space, ["ip", "address", "add", address, "dev", end, .. noWait]);
            }
        }
    }

    /// <summary>Runs a command in one of them and gives back what it printed.</summary>
    public static Task<string> In(string space, params string[] command) => Command.Run(["ip", "netns", "exec", space, .. command]);

    /// <summary>A UDP socket that is in a namespace while its process is not: it hears and sends there.</summary>
    public static Task<Socket> Udp(string space, IPEndPoint bind) => Bound(space, SocketType.Dgram, ProtocolType.Udp, bind);

    /// <inheritdoc cref="Udp"/>
    public static Task<Socket> Tcp(string space, IPEndPoint bind) => Bound(space, SocketType.Stream, ProtocolType.Tcp, bind);

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _made)
        {
            await Command.Run(["ip", "netns", "del", name]);
        }
    }

    private static async Task<Socket> Bound(string space, SocketType type, ProtocolType protocol, IPEndPoint bind)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        // A thread of its own that ends afterwards: it stays where it went.
        new Thread(() =>
        {
            try
            {
                using var handle = File.OpenHandle($"/run/netns/{space}");
                if (SetNamespace((int)handle.DangerousGetHandle(), NetworkNamespace) != 0)
                {
                    throw new Win32Exception(Marshal.GetLastPInvokeError());
                }

                var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
                socket.Bind(bind);
                made.SetResult(socket);
            }
            catch (Exception refused)
            {
                made.SetException(refused);
            }
        }).Start();
        return await made.Task;
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SetNamespace(int file, int type);
}
