using Platform.Testing;

namespace Platform.Mitigation.Tests.Bgp;

/// <summary>Our speaker and a router that believes it, with a session between them.</summary>
public class ANetwork : IAsyncLifetime
{
    private const string SpeakerAddress = "127.0.0.2";
    private const string RouterAddress = "127.0.0.3";

    public ANetwork()
        : this(gracefulRestart: null)
    {
    }

    protected ANetwork(TimeSpan? gracefulRestart, uint speakerAsn = 64513)
    {
        Router = new(new()
        {
            Asn = 64512,
            RouterId = "192.0.2.3",
            Address = RouterAddress,
            Neighbours = [new(SpeakerAddress, speakerAsn)],
            GracefulRestart = gracefulRestart,
        });
        Speaker = new(new()
        {
            Asn = speakerAsn,
            RouterId = "192.0.2.2",
            Address = SpeakerAddress,
            Neighbours = [new(RouterAddress, 64512, Router.Port)],
            GracefulRestart = gracefulRestart,
        });
    }

    public GoBgpServer Speaker { get; }

    public GoBgpServer Router { get; }

    public async ValueTask InitializeAsync()
    {
        await Router.Start();
        await Speaker.Start();
        await Session();
    }

    public Task Session() => Eventually.True(() => Router.IsEstablished(SpeakerAddress), TimeSpan.FromSeconds(60), "the BGP session");

    /// <summary>What the router holds for a prefix.</summary>
    public async Task<IReadOnlyList<string>> AtRouter(string prefix) => await Routes(Router, prefix);

    /// <summary>What our speaker holds for a prefix.</summary>
    public async Task<IReadOnlyList<string>> AtSpeaker(string prefix) => await Routes(Speaker, prefix);

    /// <summary>The rules that a server holds, as the gobgp program prints them, without what is about time.</summary>
    public static async Task<IReadOnlyList<string>> Rules(GoBgpServer server, string family = "ipv4-flowspec") =>
    [
        .. (await server.Gobgp("global", "rib", "-a", family)).Split('\n')
            .Where(line => line.StartsWith("*>", StringComparison.Ordinal))
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))),
    ];

    /// <summary>Waits until some rule at the router holds all of these texts.</summary>
    public Task RouterHasRule(params string[] texts) => Eventually.Get(
        async () => await Rules(Router, texts[0].Contains("::", StringComparison.Ordinal) ? "ipv6-flowspec" : "ipv4-flowspec"),
        seen => seen.Any(rule => texts.All(text => rule.Contains(text, StringComparison.Ordinal))),
        TimeSpan.FromSeconds(30),
        $"a rule at the router with {string.Join(" and ", texts)}");

    /// <summary>Waits until no rule at the router is about this.</summary>
    public Task RouterHasNoRule(string text) => Eventually.Get(
        async () => await Rules(Router, text.Contains("::", StringComparison.Ordinal) ? "ipv6-flowspec" : "ipv4-flowspec"),
        seen => !seen.Any(rule => rule.Contains(text, StringComparison.Ordinal)),
        TimeSpan.FromSeconds(30),
        $"no rule at the router with {text}");

    /// <summary>Waits until the router holds exactly this for the prefix.</summary>
    public Task RouterHolds(string prefix, params string[] routes) => Eventually.Get(
        () => AtRouter(prefix), seen => seen.SequenceEqual(routes), TimeSpan.FromSeconds(30), $"{prefix} at the router: [{string.Join(", ", routes)}]");

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Speaker.DisposeAsync();
        await Router.DisposeAsync();
    }

    private static async Task<IReadOnlyList<string>> Routes(GoBgpServer server, string prefix)
    {
        var routes = await server.Routes(prefix.Contains(':', StringComparison.Ordinal) ? "ipv6" : "ipv4");
        return [.. routes.Where(route => route.Prefix == prefix).Select(route => route.ToString()).Order(StringComparer.Ordinal)];
    }
}

/// <summary>As deployed: the router keeps what it has learned while its speaker restarts (RFC 4724).</summary>
public sealed class AGracefulNetwork() : ANetwork(TimeSpan.FromSeconds(30));

/// <summary>Speaker and router are of one AS, whose routers tell each other how much they prefer a route.</summary>
public sealed class AnInternalNetwork() : ANetwork(gracefulRestart: null, speakerAsn: 64512);
