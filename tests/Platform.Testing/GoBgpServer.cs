using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Platform.Testing;

/// <summary>A neighbour of a <see cref="GoBgpServer"/>.</summary>
/// <param name="Address">Where its packets come from, for example <c>127.0.0.2</c>.</param>
/// <param name="Asn">Its autonomous system.</param>
/// <param name="Port">Where we connect to; null when we wait for it to connect (passive).</param>
public sealed record BgpNeighbour(string Address, uint Asn, int? Port = null);

/// <summary>How a <see cref="GoBgpServer"/> is set up.</summary>
public sealed record GoBgpSetup
{
    public required uint Asn { get; init; }

    public required string RouterId { get; init; }

    /// <summary>A loopback address; give each of two neighbours its own, BGP tells neighbours apart by address.</summary>
    public string Address { get; init; } = "127.0.0.1";

    public int Port { get; init; } = Loopback.FreePort();

    /// <summary>Port of the gRPC API, on 127.0.0.1.</summary>
    public int ApiPort { get; init; } = Loopback.FreePort();

    public IReadOnlyList<BgpNeighbour> Neighbours { get; init; } = [];

    /// <summary>
    /// Neighbours keep each other's routes for this long while one of them restarts (RFC 4724); null: a route goes with its session.
    /// </summary>
    public TimeSpan? GracefulRestart { get; init; }

    /// <summary>No configuration at all: whoever drives it over gRPC starts BGP.</summary>
    public bool Bare { get; init; }

    /// <summary>An existing folder for configuration and log that stays; null for a temporary one.</summary>
    public string? Folder { get; init; }
}

/// <summary>One route of a table.</summary>
/// <param name="Prefix">CIDR, for example <c>198.51.100.7/32</c>.</param>
/// <param name="NextHop">Address.</param>
/// <param name="Communities">As <c>65535:666</c>.</param>
/// <param name="AsPath">Autonomous systems, nearest first.</param>
public sealed record BgpRoute(string Prefix, string NextHop, IReadOnlyList<string> Communities, IReadOnlyList<uint> AsPath)
{
    public override string ToString() => $"{Prefix} via {NextHop} [{string.Join(' ', Communities)}]";
}

/// <summary>A real BGP speaker (Debian's gobgpd) on loopback; looked at through the gobgp program, from outside.</summary>
public sealed class GoBgpServer(GoBgpSetup setup) : IAsyncDisposable
{
    private readonly TemporaryFolder? _temporary = setup.Folder is null ? new("gobgp") : null;
    private ServerProcess? _process;

    public string Address => setup.Address;

    public int Port => setup.Port;

    public uint Asn => setup.Asn;

    /// <summary>gRPC address, for example <c>http://127.0.0.1:50051</c>.</summary>
    public Uri Api => new($"http://127.0.0.1:{setup.ApiPort}");

    public int ProcessId => Process.Id;

    private string Folder => setup.Folder ?? _temporary!.FullName;

    private ServerProcess Process => _process ?? throw new InvalidOperationException("Start comes first.");

    /// <summary>Starts it; again after <see cref="Stop"/> or <see cref="Kill"/> with the same ports, and an empty table.</summary>
    public async Task Start()
    {
        var configuration = Path.Combine(Folder, "gobgpd.toml");
        await File.WriteAllTextAsync(configuration, setup.Bare ? "" : Configuration());
        _process = ServerProcess.Start(
            "gobgpd",
            Path.Combine(Folder, "gobgpd.log"),
            [
                "gobgpd", "--config-file", configuration, "--api-hosts", $"127.0.0.1:{setup.ApiPort}", "--pprof-disable", "--log-level", "info",
                .. setup.GracefulRestart is null ? (string[])[] : ["--graceful-restart"], // it says at each start that it may have been here before
            ]);
        await _process.Ready(
            async token => await Loopback.Answers("127.0.0.1", setup.ApiPort, token)
                && (setup.Bare || await Loopback.Answers(setup.Address, setup.Port, token)),
            TimeSpan.FromSeconds(20));
    }

    /// <summary>Ends it in order: neighbours are told.</summary>
    public Task Stop() => Process.Stop();

    /// <summary>kill -9.</summary>
    public Task Kill() => Process.Kill();

    /// <summary>From now on the server stays when this process ends.</summary>
    public void LeaveRunning() => Process.LeaveRunning();

    /// <summary>The routes of the table of a family: <c>ipv4</c>, <c>ipv6</c>.</summary>
    public async Task<IReadOnlyList<BgpRoute>> Routes(string family = "ipv4")
    {
        var json = JsonSerializer.Deserialize<JsonElement>(await Gobgp("global", "rib", "-a", family, "-j"));
        return json.ValueKind is not JsonValueKind.Object
            ? []
            : [.. from prefix in json.EnumerateObject() from path in prefix.Value.EnumerateArray() select Route(prefix.Name, path)];
    }

    /// <summary>What the FlowSpec rules of a family match (<c>ipv4-flowspec</c>, <c>ipv6-flowspec</c>), for example <c>[destination: 198.51.100.7/32]</c>.</summary>
    public async Task<IReadOnlyList<string>> Rules(string family = "ipv4-flowspec")
    {
        var json = JsonSerializer.Deserialize<JsonElement>(await Gobgp("global", "rib", "-a", family, "-j"));
        return json.ValueKind is not JsonValueKind.Object ? [] : [.. json.EnumerateObject().Select(rule => rule.Name)];
    }

    /// <summary>Whether the session with this neighbour is up.</summary>
    public async Task<bool> IsEstablished(string neighbour)
    {
        const int established = 6;
        var json = JsonSerializer.Deserialize<JsonElement>(await Gobgp("neighbor", "-j"));
        return json.EnumerateArray().Any(n =>
            n.GetProperty("conf").GetProperty("neighbor_address").GetString() == neighbour
            && n.GetProperty("state").TryGetProperty("session_state", out var state)
            && state.GetInt32() == established);
    }

    /// <summary>Runs the gobgp program against this server and gives back what it printed.</summary>
    public Task<string> Gobgp(params string[] arguments) => Command.Run(["gobgp", "-u", "127.0.0.1", "-p", $"{setup.ApiPort}", .. arguments]);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _temporary?.Dispose();
    }

    private string Configuration()
    {
        var text = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"""
            [global.config]
            as = {setup.Asn}
            router-id = "{setup.RouterId}"
            port = {setup.Port}
            local-address-list = ["{setup.Address}"]
            """);
        foreach (var neighbour in setup.Neighbours)
        {
            var transport = neighbour.Port is { } port ? $"remote-port = {port}" : "passive-mode = true";
            text.AppendLine(CultureInfo.InvariantCulture, $"""
                [[neighbors]]
                [neighbors.config]
                neighbor-address = "{neighbour.Address}"
                peer-as = {neighbour.Asn}
                [neighbors.timers.config]
                connect-retry = 1
                idle-hold-time-after-reset = 1
                hold-time = 9
                keepalive-interval = 3
                [neighbors.transport.config]
                {transport}
                local-address = "{setup.Address}"
                """);
            if (setup.GracefulRestart is { } kept)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"""
                    [neighbors.graceful-restart.config]
                    enabled = true
                    restart-time = {(int)kept.TotalSeconds}
                    deferral-time = 5
                    """);
            }

            foreach (var family in (string[])["ipv4-unicast", "ipv6-unicast", "ipv4-flowspec", "ipv6-flowspec"])
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"""
                    [[neighbors.afi-safis]]
                    [neighbors.afi-safis.config]
                    afi-safi-name = "{family}"
                    [neighbors.afi-safis.mp-graceful-restart.config]
                    enabled = {(setup.GracefulRestart is null ? "false" : "true")}
                    """);
            }
        }

        return text.ToString();
    }

    private static BgpRoute Route(string prefix, JsonElement path)
    {
        var attributes = path.GetProperty("attrs").EnumerateArray().ToLookup(a => a.GetProperty("type").GetInt32());
        const int asPath = 2, nextHop = 3, communities = 8, reachable = 14;
        return new(
            prefix,
            attributes[nextHop].Concat(attributes[reachable]).Select(a => a.GetProperty("nexthop").GetString()).FirstOrDefault() ?? "",
            [.. attributes[communities].SelectMany(a => a.GetProperty("communities").EnumerateArray()).Select(c => $"{c.GetUInt32() >> 16}:{c.GetUInt32() & 0xffff}")],
            [.. attributes[asPath].SelectMany(a => a.GetProperty("as_paths").EnumerateArray()).SelectMany(s => s.GetProperty("asns").EnumerateArray()).Select(n => n.GetUInt32())]);
    }
}
