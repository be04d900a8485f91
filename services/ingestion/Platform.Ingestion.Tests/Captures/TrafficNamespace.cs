using System.Globalization;
using System.Text.Json;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Captures;

/// <summary>
/// A network namespace with one link whose far end takes everything and answers nothing, an exporter that watches the near end, and the receiving half of ingestion on its
/// loopback. Needs root, and a kernel that gives namespaces; nothing of the machine's own network is touched.
/// </summary>
internal sealed class TrafficNamespace : IAsyncDisposable
{
    public const int Port = 2055;
    public const int IpLength = 128;

    private readonly TemporaryFolder _folder = new("namespace");
    private readonly string _name = $"platform-{Environment.ProcessId}-{Random.Shared.Next(1_000_000)}";
    private readonly List<ServerProcess> _processes = [];
    private ServerProcess? _receiver;

    private TrafficNamespace()
    {
    }

    /// <summary>Skips the test, and says why, where it cannot run.</summary>
    public static async Task<TrafficNamespace> Open(params string[] programs)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Network namespaces need Linux and root.");
        foreach (var program in (string[])["/usr/sbin/ip", .. programs])
        {
            Assert.SkipUnless(File.Exists(program), $"{program} is not here (Debian packages iproute2, softflowd, pmacct).");
        }

        var opened = new TrafficNamespace();
        try
        {
            await Command.Run(["ip", "netns", "add", opened._name], cancellationToken: TestContext.Current.CancellationToken);
        }
        catch (InvalidOperationException refused)
        {
            Assert.Skip($"The kernel gives no network namespace: {refused.Message}");
        }

        await opened.Build();
        return opened;
    }

    public string PathOf(string name) => _folder.File(name);

    /// <summary>Runs a command inside to its end.</summary>
    public Task<string> Run(params string[] command) =>
        Command.Run([.. Inside, .. command], cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>Starts a program inside; it is ready when its output, or a file that it makes, says so.</summary>
    public async Task<ServerProcess> Start(string name, Func<string, bool> isReady, params string[] command)
    {
        var log = _folder.File($"{name}.log");
        var process = ServerProcess.Start(name, log, [.. Inside, .. command]);
        _processes.Add(process);
        await process.Ready(async _ => File.Exists(log) && isReady(await File.ReadAllTextAsync(log, CancellationToken.None)), TimeSpan.FromSeconds(30));
        return process;
    }

    /// <summary>Sends UDP packets of <see cref="IpLength"/> bytes from here to as many hosts of 10.78.0.0/16, so many to each, in bursts that an exporter can follow.</summary>
    public Task Send(int hosts, int packetsPerHost) => Run(
        "bash",
        "-c",
        $"for h in {{1..{hosts}}}; do exec 3>/dev/udp/10.78.0.$h/9; for ((i=0;i<{packetsPerHost};i++)); do printf %{IpLength - 28}s x >&3; done; sleep 0.02; done");

    /// <summary>Sends packets to a host that nobody counts, so that what an exporter still holds moves on.</summary>
    public Task Push(int packets) => Run("bash", "-c", $"exec 3>/dev/udp/10.79.0.1/9; for ((i=0;i<{packets};i++)); do printf %{IpLength - 28}s x >&3; done");

    /// <summary>Datagrams that were delivered inside: what the exporter has sent so far.</summary>
    public async Task<long> Exported()
    {
        var udp = (await Run("cat", "/proc/net/snmp")).Split('\n').Where(line => line.StartsWith("Udp:", StringComparison.Ordinal)).ElementAt(1);
        return long.Parse(udp.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Ends the receiving half and gives what it counted.</summary>
    public async Task<JsonElement> Counted()
    {
        await _receiver!.Stop();
        return JsonDocument.Parse(_receiver.LogTail(1)).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        await Command.Run(["ip", "netns", "delete", _name], cancellationToken: CancellationToken.None);
        _folder.Dispose();
    }

    private string[] Inside => ["ip", "netns", "exec", _name];

    private async Task Build()
    {
        string[][] links =
        [
            ["link", "set", "lo", "up"],
            ["link", "add", "near", "type", "veth", "peer", "name", "far"],
            ["link", "set", "far", "address", "02:00:00:00:00:02"],
            ["address", "add", "10.77.0.1/24", "dev", "near"],
            ["link", "set", "near", "up"],
            ["link", "set", "far", "up"],
            ["neighbor", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:02", "dev", "near"],
            ["route", "add", "10.78.0.0/15", "via", "10.77.0.9"],
        ];
        await Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"); // neighbour discovery is traffic too
        foreach (var link in links)
        {
            await Command.Run(["ip", "-n", _name, .. link], cancellationToken: TestContext.Current.CancellationToken);
        }

        _receiver = await Start(
            "receiver",
            said => said.Contains("listening", StringComparison.Ordinal),
            Path.Combine(AppContext.BaseDirectory, "Platform.Ingestion"), "receive", "--listen", $"127.0.0.1:{Port}", "--prefix", "10.78.0.0/16", "--receivers", "1");
    }
}
