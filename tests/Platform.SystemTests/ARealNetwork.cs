using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Platform.Local;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>
/// Real packets: outside (attacker and legitimate client) - router - inside (victims), and a scrubber between router and inside. The line from the router to
/// the inside is narrow, so an attack fills it. softflowd on the router exports what comes from outside.
/// </summary>
/// <remarks>
/// The router's control plane is the suite's second GoBGP; its data plane is the kernel of a namespace. What a line card does, a loop does
/// here: a blackhole becomes a blackhole, another next hop a route, a FlowSpec rule a filter.
/// </remarks>
internal sealed class ARealNetwork(LocalStack stack) : IAsyncDisposable
{
    public const string ScrubberAddress = "10.93.0.2";
    public const string Agent = "cleaner";
    public const string Token = "0123456789abcdef";
    public const int AttackPort = 123;

    private const string Attacker = "10.91.0.66";
    private const string Client = "10.91.0.2";
    private const string Narrow = "4mbit";

    private readonly NetworkNamespaces _spaces = new();
    private readonly CancellationTokenSource _over = new();
    private readonly List<ServerProcess> _processes = [];
    private readonly TemporaryFolder _folder = new("real-network");
    private readonly List<Task> _loops = [];
    private string _outside = "", _router = "", _scrubber = "", _inside = "";

    /// <param name="exporter">Who the flows of the router are told to be from.</param>
    /// <param name="victims">Addresses inside.</param>
    public async Task Start(Exporter exporter, IReadOnlyList<string> victims)
    {
        (_outside, _router, _scrubber, _inside) = (await _spaces.Add("o"), await _spaces.Add("r"), await _spaces.Add("s"), await _spaces.Add("i"));
        await NetworkNamespaces.Cable(_outside, "port", [$"{Client}/24", $"{Attacker}/24"], _router, "out", ["10.91.0.1/24"]);
        await NetworkNamespaces.Cable(_router, "in", ["10.94.0.1/24"], _inside, "port", ["10.94.0.2/24", .. victims.Select(victim => $"{victim}/32")]);
        await NetworkNamespaces.Cable(_router, "scrub", ["10.93.0.1/24"], _scrubber, "dirty", [$"{ScrubberAddress}/24"]);
        await NetworkNamespaces.Cable(_scrubber, "clean", ["10.95.0.1/24"], _inside, "clean", ["10.95.0.2/24"]);
        foreach (var space in (string[])[_router, _scrubber, _inside])
        {
            await In(space, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0");
        }

        await In(_outside, "ip", "route", "add", "default", "via", "10.91.0.1");
        await In(_inside, "ip", "route", "add", "default", "via", "10.94.0.1");
        foreach (var victim in victims)
        {
            await In(_router, "ip", "route", "add", NetworkOf(victim), "via", "10.94.0.2");
            await In(_scrubber, "ip", "route", "add", NetworkOf(victim), "via", "10.95.0.2"); // the return path of cleaned traffic: a line of its own
        }

        await In(_scrubber, "ip", "route", "add", "default", "via", "10.93.0.1");
        await In(_router, "tc", "qdisc", "add", "dev", "in", "root", "tbf", "rate", Narrow, "burst", "16kb", "latency", "50ms");
        await In(_router, "nft", "add table ip card; add chain ip card f { type filter hook prerouting priority -500; }");
        await In(_inside, "nft", "add table ip arrived; add chain ip arrived c { type filter hook prerouting priority -500; }");
        foreach (var victim in victims)
        {
            await In(_inside, "nft", $"add counter ip arrived {NameOf(victim)}; add rule ip arrived c ip daddr {victim} udp sport {AttackPort} counter name {NameOf(victim)}");
        }

        await Export(exporter);
        _loops.Add(BeLineCard(victims));
        StartAgent();
    }

    /// <summary>An amplification attack of about 17 Mbit/s, until it is stopped.</summary>
    public IAsyncDisposable Attack(string victim) => Start("attack", _outside, "hping3", "-q", "--udp", "-a", Attacker, "-s", $"{AttackPort}", "-k", "-p", "9", "-d", "400", "-i", "u200", victim);

    /// <summary>The legitimate client: 20 echo requests within a second, as long as the packets of the attack; success rate (0 to 1) and mean latency in milliseconds.</summary>
    public async Task<ClientView> Ask(string victim)
    {
        var output = await In(_outside, "sh", "-c", $"hping3 -q -1 -d 400 -a {Client} -c 20 -i u50000 {victim} 2>&1 || true");
        var received = output.Split(", ").First(part => part.Contains("received", StringComparison.Ordinal)).Split(' ')[0];
        var times = output.Split("min/avg/max = ") is [_, var last] ? last.Split('/')[1] : "NaN";
        return new ClientView(int.Parse(received, CultureInfo.InvariantCulture) / 20.0, double.Parse(times, CultureInfo.InvariantCulture));
    }

    /// <summary>Packets of the attack that arrived at a victim so far.</summary>
    public async Task<long> Arrived(string victim)
    {
        var listed = JsonNode.Parse(await In(_inside, "nft", "-j", "list", "counter", "ip", "arrived", NameOf(victim)))!;
        return listed["nftables"]!.AsArray().Select(it => it!["counter"]).OfType<JsonNode>().Select(it => (long)it["packets"]!).Single();
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_loops);
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        await _spaces.DisposeAsync();
        _folder.Dispose();
        _over.Dispose();
    }

    /// <summary>softflowd speaks inside the namespace; what it says is handed on from the exporter's address outside.</summary>
    private async Task Export(Exporter exporter)
    {
        var heard = await NetworkNamespaces.Udp(_router, new IPEndPoint(IPAddress.Loopback, 9995));
        _loops.Add(HandOn(heard, exporter));
        _processes.Add(Start(
            "softflowd", _router, "softflowd", "-d", "-i", "out", "-n", "127.0.0.1:9995", "-v", "9", "-t", "maxlife=1", "-t", "expint=1", "-t", "udp=1", "-t", "general=1",
            "-t", "icmp=1", "-p", _folder.File("softflowd.pid"), "-c", _folder.File("softflowd.ctl")));
    }

    private async Task HandOn(Socket heard, Exporter exporter)
    {
        using var _ = heard;
        var buffer = new byte[65_536];
        while (!_over.IsCancellationRequested)
        {
            try
            {
                var length = await heard.ReceiveAsync(buffer.AsMemory(), _over.Token);
                await exporter.Send(buffer.AsMemory(0, length));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task BeLineCard(IReadOnlyList<string> victims)
    {
        var (routes, rules) = ("", "");
        while (!_over.IsCancellationRequested)
        {
            var held = (await stack.Router.Routes()).Where(route => victims.Any(victim => route.Prefix == $"{victim}/32")).ToList();
            var now = string.Join('\n', held);
            if (now != routes)
            {
                routes = now;
                foreach (var victim in victims)
                {
                    await (held.FirstOrDefault(route => route.Prefix == $"{victim}/32") switch
                    {
                        null => In(_router, "sh", "-c", $"ip route del {victim}/32 2>/dev/null || ip route del blackhole {victim}/32 2>/dev/null || true"),
                        var route when route.Communities.Contains("65535:666") => In(_router, "ip", "route", "replace", "blackhole", route.Prefix),
                        var route => In(_router, "ip", "route", "replace", route.Prefix, "via", route.NextHop),
                    });
                }
            }

            var cards = string.Join("; ", (await stack.Router.Rules()).Select(Card).OfType<string>());
            if (cards != rules)
            {
                rules = cards;
                await In(_router, "nft", $"flush chain ip card f{(cards.Length > 0 ? "; " + cards : "")}");
            }

            await Task.Delay(100).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What stands of the rules here: UDP to a host from a port, discarded.</summary>
    private static string? Card(string rule) =>
        rule.Split('[', ']').Where(part => part.Length > 0).ToArray() is [var to, "protocol: ==udp", var from]
        && to.Split(' ') is ["destination:", var destination] && from.Split("==") is ["source-port: ", var port]
            ? $"add rule ip card f ip daddr {destination} udp sport {port} drop"
            : null;

    private void StartAgent()
    {
        var program = Path.Combine(LocalService.ProgramFolder("scrubber"), "Platform.Scrubber");
        _processes.Add(ServerProcess.Start("scrubber", _folder.File("scrubber.log"), [program], new Dictionary<string, string?>
        {
            ["ASPNETCORE_CONTENTROOT"] = Path.GetDirectoryName(program),
            ["ASPNETCORE_URLS"] = null,
            ["Listen__Health"] = $"127.0.0.1:{Loopback.FreePort()}",
            ["Caller__VerificationKeyFile"] = stack.VerificationKeyFile,
            ["Scrubber__Controller"] = stack.GrpcAddress("mitigation").ToString(),
            ["Scrubber__Name"] = Agent,
            ["Scrubber__Token"] = Token,
            ["Scrubber__NetworkNamespace"] = _scrubber,
        }));
    }

    private ServerProcess Start(string name, string space, params string[] command) =>
        ServerProcess.Start(name, _folder.File($"{name}.log"), ["ip", "netns", "exec", space, .. command]);

    private static Task<string> In(string space, params string[] command) => NetworkNamespaces.In(space, command);

    private static string NetworkOf(string victim) => $"{victim[..victim.LastIndexOf('.')]}.0/24";

    private static string NameOf(string victim) => $"v{victim.Replace('.', '_')}";
}

/// <param name="Success">Share of the client's requests that were answered, 0 to 1.</param>
/// <param name="Milliseconds">Mean time of those.</param>
internal sealed record ClientView(double Success, double Milliseconds)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Success:P0} answered, {Milliseconds:0.0} ms");
}
