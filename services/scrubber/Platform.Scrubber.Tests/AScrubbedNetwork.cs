using System.Globalization;
using System.Text.Json.Nodes;
using Platform.Testing;

namespace Platform.Scrubber.Tests;

/// <summary>
/// Real packets in network namespaces of our own: outside (attacker and legitimate client, two addresses) - scrubber (forwards) - victim and its
/// neighbour (two addresses). Needs root.
/// </summary>
public sealed class AScrubbedNetwork : IAsyncLifetime
{
    public const string Attacker = "10.91.0.66";
    public const string Client = "10.91.0.2";
    public const string Victim = "10.92.0.10";
    public const string Neighbour = "10.92.0.11";
    public const string Victim6 = "fd92::10";

    private readonly NetworkNamespaces _spaces = new();

    /// <summary>Why there is no such network here; null when there is.</summary>
    public string? WhyNot { get; private set; }

    public string Outside { get; private set; } = "";

    public string Scrubber { get; private set; } = "";

    public string Inside { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        WhyNot = await NetworkNamespaces.WhyNot("nft", "hping3");
        if (WhyNot is not null)
        {
            return;
        }

        (Outside, Scrubber, Inside) = (await _spaces.Add("o"), await _spaces.Add("s"), await _spaces.Add("v"));
        await NetworkNamespaces.Cable(
            Outside, "port", [$"{Client}/24", $"{Attacker}/24", "fd91::2/64"], Scrubber, "out", ["10.91.0.1/24", "fd91::1/64"]);
        await NetworkNamespaces.Cable(
            Inside, "port", [$"{Victim}/24", $"{Neighbour}/24", $"{Victim6}/64"], Scrubber, "in", ["10.92.0.1/24", "fd92::1/64"]);
        foreach (var (space, v4, v6) in new[] { (Outside, "10.91.0.1", "fd91::1"), (Inside, "10.92.0.1", "fd92::1") })
        {
            await In(space, "ip", "route", "add", "default", "via", v4);
            await In(space, "ip", "-6", "route", "add", "default", "via", v6);
        }

        await In(Scrubber, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
        // What arrives is counted where it arrives, by a table that is not ours.
        await In(
            Inside, "nft", """
            add table inet arrived; add chain inet arrived c { type filter hook prerouting priority -500; };
            add counter inet arrived ntp; add counter inet arrived dns; add counter inet arrived syn; add counter inet arrived neighbour;
            add rule inet arrived c ip daddr 10.92.0.10 udp sport 123 counter name ntp;
            add counter inet arrived ack; add rule inet arrived c ip daddr 10.92.0.10 tcp flags & (syn|ack|psh) == ack counter name ack;
            add counter inet arrived udp6; add rule inet arrived c ip6 daddr fd92::10 udp dport 9 counter name udp6;
            add rule inet arrived c ip daddr 10.92.0.10 udp sport 53 counter name dns;
            add rule inet arrived c ip daddr 10.92.0.10 tcp flags & (syn|ack) == syn counter name syn;
            add rule inet arrived c ip daddr 10.92.0.11 udp sport 123 counter name neighbour
            """);
    }

    /// <summary>Sends UDP packets from this source port to the address.</summary>
    public Task Udp(string to, int sourcePort, int packets, string from = Attacker) =>
        Hping($"--udp -a {from} -s {sourcePort} -k -p 9 -d 400 -i u500 -c {packets} {to}");

    /// <summary>Sends TCP SYN packets from this source address.</summary>
    public Task Syn(string to, int packets, string from) => Hping($"-S -a {from} -p 80 -i u500 -c {packets} {to}");

    /// <summary>Sends TCP packets that say that they belong to connections, which are none.</summary>
    public Task Ack(string to, int packets, string from) => Hping($"-P -A -a {from} -p 80 -i u100 -c {packets} {to}");

    /// <summary>Sends bare acknowledgements, as one ends a handshake and as open connections send most of.</summary>
    public Task BareAck(string to, int packets, string from) => Hping($"-A -a {from} -p 80 -i u500 -c {packets} {to}");

    /// <summary>
    /// The legitimate client: 20 echo requests; success rate (0 to 1) and mean latency in milliseconds. The best of three: what the program itself misses on a
    /// busy machine is not lost in the network, and what a filter drops it drops each time.
    /// </summary>
    public async Task<(double Success, double Milliseconds)> Ping(string to)
    {
        var best = (Success: 0.0, Milliseconds: double.NaN);
        for (var turn = 0; turn < 3 && best.Success < 1; turn++)
        {
            var output = await Hping($"-1 -a {Client} -c 20 -i u20000 {to}");
            var received = output.Split(", ").First(part => part.Contains("received", StringComparison.Ordinal)).Split(' ')[0];
            var times = output.Split("min/avg/max = ") is [_, var last] ? last.Split('/')[1] : "NaN";
            var success = int.Parse(received, CultureInfo.InvariantCulture) / 20.0;
            best = success > best.Success ? (success, double.Parse(times, CultureInfo.InvariantCulture)) : best;
        }

        return best;
    }

    /// <summary>Sends 20 UDP packets over IPv6.</summary>
    public Task Udp6(string to) => In(Outside, "bash", "-c", $"for i in $(seq 20); do echo x > /dev/udp/{to}/9; done 2>/dev/null || true");

    /// <summary>Packets of a kind that arrived at the victims so far: ntp, dns, syn, ack, udp6, neighbour.</summary>
    public async Task<long> Arrived(string kind)
    {
        var listed = JsonNode.Parse(await In(Inside, "nft", "-j", "list", "counter", "inet", "arrived", kind))!;
        return listed["nftables"]!.AsArray().Select(it => it!["counter"]).OfType<JsonNode>().Select(it => (long)it["packets"]!).Single();
    }

    /// <summary>The scrubber's rules as the kernel holds them.</summary>
    public Task<string> Ruleset() => In(Scrubber, "nft", "list", "ruleset");

    public static Task<string> In(string space, params string[] command) => NetworkNamespaces.In(space, command);

    public ValueTask DisposeAsync() => _spaces.DisposeAsync();

    /// <summary>It calls it a failure when nobody answers; and it tells its figures as errors.</summary>
    private Task<string> Hping(string arguments) => In(Outside, "sh", "-c", $"hping3 -q {arguments} 2>&1 || true");
}
