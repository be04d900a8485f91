using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Platform.Local;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>
/// Real packets: attacker - router - inside (victims), the legitimate client at a line of its own to the router, and a scrubber between router and inside.
/// The lines to the inside are narrow, from the router and from the scrubber, so an attack fills them. softflowd on the router exports what comes from the
/// attacker's side.
/// </summary>
/// <remarks>
/// The router's control plane is the suite's second GoBGP; its data plane is the kernel of a namespace. What a line card does, a loop does
/// here: a blackhole becomes a blackhole, another next hop a route, a FlowSpec rule a filter, a limit or a mark that leads into another routing table (VRF),
/// behind which somebody else's cleaning stands.
/// </remarks>
internal sealed partial class ARealNetwork(LocalStack stack) : IAsyncDisposable
{
    public const string ScrubberAddress = "10.93.0.2";
    public const string Agent = "cleaner";
    public const string Token = "0123456789abcdef";

    /// <summary>Where the scrubber hands on what is clean.</summary>
    public const string CleanRouter = "10.95.0.2";
    public const int AttackPort = 123;

    private const string Attacker = "10.91.0.66";
    private const string Client = "10.96.0.2";
    private const int EchoPort = 7;
    private const int WebPort = 80;
    private const int Questions = 20;

    /// <summary>Half-open connections that a victim's server remembers.</summary>
    private const int Backlog = 64;
    private const string Narrow = "7mbit";

    /// <summary>
    /// What sends an attack elsewhere, and what counts packets in a router, is no slower for what else runs here. At a low priority each packet waits for its turn,
    /// and of an attack that lost half of itself that way the defence says, rightly, that it went down. Where the kernel refuses, next to it.
    /// </summary>
    private static readonly string[] LikeHardware =
        ["sh", "-c", "chrt -f 10 true 2>/dev/null && exec chrt -f 10 \"$@\"; exec nice -n -15 \"$@\"", "sh"];

    private readonly NetworkNamespaces _spaces = new();
    private readonly CancellationTokenSource _over = new();
    private readonly List<ServerProcess> _processes = [];
    private readonly TemporaryFolder _folder = new("real-network");
    private readonly List<Task> _loops = [];
    private readonly List<Socket> _echoes = [];
    private volatile string _cards = "";
    private string _outside = "", _client = "", _router = "", _scrubber = "", _inside = "";

    /// <param name="exporter">Who the flows of the router are told to be from.</param>
    /// <param name="victims">Addresses inside.</param>
    /// <param name="redirected">The one that is cleaned in the VRF; null: none.</param>
    public async Task Start(Exporter exporter, IReadOnlyList<string> victims, string? redirected = null)
    {
        (_outside, _router, _scrubber, _inside) = (await _spaces.Add("o"), await _spaces.Add("r"), await _spaces.Add("s"), await _spaces.Add("i"));
        _client = await _spaces.Add("c");
        await NetworkNamespaces.Cable(_outside, "port", [$"{Attacker}/24"], _router, "out", ["10.91.0.1/24"]);
        await NetworkNamespaces.Cable(_client, "port", [$"{Client}/24"], _router, "client", ["10.96.0.1/24"]);
        await NetworkNamespaces.Cable(_router, "in", ["10.94.0.1/24"], _inside, "port", ["10.94.0.2/24", .. victims.Select(victim => $"{victim}/32")]);
        await NetworkNamespaces.Cable(_router, "scrub", ["10.93.0.1/24"], _scrubber, "dirty", [$"{ScrubberAddress}/24"]);
        await NetworkNamespaces.Cable(_scrubber, "clean", ["10.95.0.1/24"], _inside, "clean", ["10.95.0.2/24"]);
        await In(_outside, "sysctl", "-qw", "net.ipv4.ip_forward=0"); // what goes to sources that are made up ends there, and nobody says so
        foreach (var space in (string[])[_router, _scrubber, _inside])
        {
            await In(space, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0");
        }

        await In(_outside, "ip", "route", "add", "default", "via", "10.91.0.1");
        await In(_client, "ip", "route", "add", "default", "via", "10.96.0.1");
        await In(_router, "ip", "route", "add", "default", "via", Attacker);
        await In(_inside, "ip", "route", "add", "default", "via", "10.94.0.1");
        foreach (var victim in victims)
        {
            await In(_router, "ip", "route", "add", NetworkOf(victim), "via", "10.94.0.2", "metric", "100"); // a diversion of all of it is as long
            await In(_scrubber, "ip", "route", "add", NetworkOf(victim), "via", CleanRouter); // the return path of cleaned traffic: a line of its own
        }

        await In(_scrubber, "ip", "route", "add", "default", "via", "10.93.0.1");
        foreach (var (space, line) in ((string, string)[])[(_router, "in"), (_scrubber, "clean")])
        {
            await In(space, "tc", "qdisc", "add", "dev", line, "root", "tbf", "rate", Narrow, "burst", "16kb", "latency", "50ms");
        }

        await In(_router, "nft", "add table ip card; add chain ip card f { type filter hook prerouting priority -500; }");
        await In(_inside, "nft", "add table ip arrived; add chain ip arrived c { type filter hook prerouting priority -500; }");
        await In(_router, "ip", "rule", "add", "fwmark", "100", "lookup", "100");
        await In(_router, "ip", "route", "add", "default", "via", ScrubberAddress, "table", "100");
        await In(_scrubber, "nft", "add table ip vrf; add chain ip vrf c { type filter hook prerouting priority -500; }");
        if (redirected is not null)
        {
            await In(_scrubber, "nft", $"add rule ip vrf c ip daddr {redirected} udp sport {AttackPort} drop");
        }

        foreach (var victim in victims)
        {
            _loops.Add(Echo(await NetworkNamespaces.Udp(_inside, new IPEndPoint(IPAddress.Parse(victim), EchoPort))));
            await Serve(victim);
            var name = NameOf(victim);
            await In(
                _inside, "nft",
                $"add counter ip arrived {name}; add rule ip arrived c ip daddr {victim} udp sport {AttackPort} counter name {name}; "
                + $"add rule ip arrived c ip daddr {victim} tcp flags & (syn | ack) == syn counter name {name}");
            await In(_scrubber, "nft", $"add counter ip vrf {name}; add rule ip vrf c iif dirty ip daddr {victim} counter name {name}");
        }

        await Export(exporter);
        _loops.Add(BeLineCard(victims));
        StartAgent();
    }

    /// <summary>An amplification attack of about 22 Mbit/s, until it is stopped.</summary>
    public IAsyncDisposable Attack(string victim) => Start("attack", _outside, [.. LikeHardware, "hping3", "-q", "--udp", "-a", Attacker, "-s", $"{AttackPort}", "-k", "-p", "9", "-d", "400", "-i", "u150", victim]);

    /// <summary>A flood of connection attempts to the web port, about 2,000 a second, each from a source of its own that is made up.</summary>
    public IAsyncDisposable Knock(string victim) => Start("knock", _outside, [.. LikeHardware, "hping3", "-q", "-S", "--rand-source", "-p", $"{WebPort}", "-i", "u500", victim]);

    /// <summary>The legitimate client at the web port: 20 connections within a second, each with a question. What is not answered within a second is lost.</summary>
    public async Task<ClientView> Connect(string victim)
    {
        var sockets = await Task.WhenAll(Enumerable.Range(0, Questions).Select(_ => NetworkNamespaces.Tcp(_client, new IPEndPoint(IPAddress.Parse(Client), 0))));
        var asked = new List<Task<TimeSpan?>>();
        foreach (var socket in sockets)
        {
            asked.Add(Question(socket));
            await Task.Delay(50);
        }

        return ClientView.Of(await Task.WhenAll(asked));

        async Task<TimeSpan?> Question(Socket socket)
        {
            using var connection = socket;
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            over.CancelAfter(TimeSpan.FromSeconds(1));
            var began = Stopwatch.GetTimestamp();
            try
            {
                await connection.ConnectAsync(new IPEndPoint(IPAddress.Parse(victim), WebPort), over.Token);
                await connection.SendAsync(new byte[] { 1 }, over.Token);
                return await connection.ReceiveAsync(new byte[1], over.Token) == 1 ? Stopwatch.GetElapsedTime(began) : null;
            }
            catch (Exception lost) when (lost is OperationCanceledException or SocketException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// The legitimate client: 20 questions within a second, each as long as the packets of the attack, to a server that answers. What is not answered a second
    /// after the last one is lost.
    /// </summary>
    public async Task<ClientView> Ask(string victim)
    {
        using var socket = await NetworkNamespaces.Udp(_client, new IPEndPoint(IPAddress.Parse(Client), 0));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        var sent = new long[Questions];
        var took = new TimeSpan?[Questions];
        var server = new IPEndPoint(IPAddress.Parse(victim), EchoPort);
        var heard = Hear();
        for (var i = 0; i < Questions; i++)
        {
            var question = new byte[400];
            question[0] = (byte)i;
            sent[i] = Stopwatch.GetTimestamp();
            await socket.SendToAsync(question, server);
            await Task.Delay(50);
        }

        over.CancelAfter(TimeSpan.FromSeconds(1));
        await heard;
        return ClientView.Of(took);

        async Task Hear()
        {
            var buffer = new byte[2048];
            while (took.Any(it => it is null))
            {
                try
                {
                    await socket.ReceiveFromAsync(buffer, server, over.Token);
                    took[buffer[0]] ??= Stopwatch.GetElapsedTime(sent[buffer[0]]);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Whether the router's line cards hold a rule for a victim.</summary>
    public bool HasRule(string victim) => _cards.Contains($"{victim}/32 ", StringComparison.Ordinal);

    /// <summary>Packets of the attack, and connection attempts, that arrived at a victim so far.</summary>
    public Task<long> Arrived(string victim) => Counted(_inside, "arrived", victim);

    /// <summary>Packets to a victim that the scrubber was led so far.</summary>
    public Task<long> Led(string victim) => Counted(_scrubber, "vrf", victim);

    /// <summary>Why the kernel cannot answer connection attempts for others; null when it can.</summary>
    public static async Task<string?> WhyNoSynProxy()
    {
        await using var spaces = new NetworkNamespaces();
        try
        {
            await In(
                await spaces.Add("p"), "nft",
                "add table ip t; add chain ip t f { type filter hook forward priority 0; }; add rule ip t f ct state untracked tcp flags syn synproxy mss 1460 wscale 7");
            return null;
        }
        catch (InvalidOperationException refused)
        {
            return $"This kernel has no nftables synproxy: {refused.Message.Split('\n')[0]}";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_loops);
        _echoes.ForEach(echo => echo.Dispose());
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
            "softflowd", _router,
            [
                .. LikeHardware, "softflowd", "-d", "-i", "out", "-n", "127.0.0.1:9995", "-v", "9", "-t", "maxlife=1", "-t", "expint=1", "-t", "udp=1", "-t", "general=1",
                "-t", "icmp=1", "-p", _folder.File("softflowd.pid"), "-c", _folder.File("softflowd.ctl"),
            ]));
    }

    /// <summary>A server that answers with the question.</summary>
    private async Task Echo(Socket socket)
    {
        _echoes.Add(socket);
        var buffer = new byte[2048];
        while (!_over.IsCancellationRequested)
        {
            try
            {
                var question = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _over.Token);
                await socket.SendToAsync(buffer.AsMemory(0, question.ReceivedBytes), question.RemoteEndPoint, _over.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>
    /// A web server without SYN cookies: what nobody finishes fills its backlog, for three seconds each. Its answers go back past the scrubber, as a proxy needs it.
    /// </summary>
    private async Task Serve(string victim)
    {
        await In(_inside, "sysctl", "-qw", "net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_synack_retries=1");
        await In(_inside, "ip", "rule", "add", "from", victim, "ipproto", "tcp", "lookup", "101");
        await In(_inside, "ip", "route", "replace", "default", "via", "10.95.0.1", "table", "101");
        var listener = await NetworkNamespaces.Tcp(_inside, new IPEndPoint(IPAddress.Parse(victim), WebPort));
        listener.Listen(Backlog);
        _echoes.Add(listener);
        _loops.Add(Accept());

        async Task Accept()
        {
            while (!_over.IsCancellationRequested)
            {
                try
                {
                    _ = Answer(await listener.AcceptAsync(_over.Token));
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }

        async Task Answer(Socket accepted)
        {
            using var connection = accepted;
            var question = new byte[1];
            try
            {
                if (await connection.ReceiveAsync(question, _over.Token) == 1)
                {
                    await connection.SendAsync(question, _over.Token);
                }
            }
            catch (Exception gone) when (gone is OperationCanceledException or SocketException)
            {
                // The client waits no longer.
            }
        }
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
        // Routes by BGP are marked as such: the connected customer's own network stays below them.
        var prefixes = victims.Select(victim => $"{victim}/32").Concat(victims.Select(NetworkOf)).ToList();
        var routes = "";
        while (!_over.IsCancellationRequested)
        {
            var held = (await stack.Router.Routes()).Where(route => prefixes.Contains(route.Prefix)).ToList();
            var now = string.Join('\n', held);
            if (now != routes)
            {
                routes = now;
                foreach (var prefix in prefixes)
                {
                    await (held.FirstOrDefault(route => route.Prefix == prefix) switch
                    {
                        null => In(_router, "sh", "-c", $"ip route del {prefix} proto bgp 2>/dev/null || ip route del blackhole {prefix} proto bgp 2>/dev/null || true"),
                        var route when route.Communities.Contains("65535:666") => In(_router, "ip", "route", "replace", "blackhole", prefix, "proto", "bgp"),
                        var route => In(_router, "ip", "route", "replace", prefix, "via", route.NextHop, "proto", "bgp"),
                    });
                }
            }

            var cards = string.Join("; ", (await stack.Router.Gobgp("global", "rib", "-a", "ipv4-flowspec")).Split('\n').Select(Card).OfType<string>().Order()); // they are told in changing order
            if (cards != _cards)
            {
                await In(_router, "nft", $"flush chain ip card f{(cards.Length > 0 ? "; " + cards : "")}");
                _cards = cards;
            }

            await Task.Delay(100).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What stands of the rules here: UDP to a host from a port, of a length; discarded, limited, or marked for the VRF.</summary>
    private static string? Card(string rule)
    {
        if (UdpRule().Match(rule) is not { Success: true, Groups: var it })
        {
            return null;
        }

        var action = rule.Contains("redirect:", StringComparison.Ordinal) ? "meta mark set 100"
            : it["limit"].Value is { Length: > 0 } bytes ? $"limit rate over {bytes} bytes/second burst 4000 bytes drop"
            : "drop";
        var length = it["from"].Success ? $" ip length {it["from"].Value}-{it["most"].Value}" : "";
        return $"add rule ip card f ip daddr {it["to"].Value} udp sport {it["port"].Value}{length} {action}";
    }

    [GeneratedRegex(@"^\*>.*\[destination: (?<to>[^\]]+)\]\s*\[protocol: ==udp\s*\]\s*\[source-port: ==(?<port>\d+)\s*\](\[packet-length: >=(?<from>\d+)&<=(?<most>\d+)\s*\])?(.*rate: (?<limit>\d+))?")]
    private static partial Regex UdpRule();

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

    private static async Task<long> Counted(string space, string table, string victim)
    {
        var listed = JsonNode.Parse(await In(space, "nft", "-j", "list", "counter", "ip", table, NameOf(victim)))!;
        return listed["nftables"]!.AsArray().Select(it => it!["counter"]).OfType<JsonNode>().Select(it => (long)it["packets"]!).Single();
    }

    private static Task<string> In(string space, params string[] command) => NetworkNamespaces.In(space, command);

    private static string NetworkOf(string victim) => $"{victim[..victim.LastIndexOf('.')]}.0/24";

    private static string NameOf(string victim) => $"v{victim.Replace('.', '_')}";
}

/// <param name="Success">Share of the client's questions that were answered, 0 to 1.</param>
/// <param name="Median">How long the answers took.</param>
/// <param name="Longest">How long the slowest of them took.</param>
internal sealed record ClientView(double Success, TimeSpan Median, TimeSpan Longest)
{
    public static ClientView Of(IReadOnlyCollection<TimeSpan?> took)
    {
        var answered = took.OfType<TimeSpan>().Order().ToList();
        return new(
            answered.Count / (double)took.Count,
            answered.Count == 0 ? TimeSpan.Zero : answered[answered.Count / 2],
            answered.Count == 0 ? TimeSpan.Zero : answered[^1]);
    }

    public override string ToString() => Success == 0
        ? "nothing answered"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Success:P0} answered, latency median {Median.TotalMilliseconds:0.0} ms, longest {Longest.TotalMilliseconds:0.0} ms");
}
