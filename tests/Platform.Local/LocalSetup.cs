using Platform.Testing;

namespace Platform.Local;

/// <summary>What may be chosen about a local stack.</summary>
public sealed record LocalSetup
{
    /// <summary>Secrets, logs and clock of the run. An existing folder.</summary>
    public required string Folder { get; init; }

    /// <summary>Ports that must be these; every other one is free when we look. Names as in <see cref="LocalStack.Ports"/>.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; init; } = new Dictionary<string, int>();

    /// <summary>
    /// How far the services' clock is ahead at the start; it can then be moved with <see cref="LocalStack.MoveClockTo"/>, and they run as
    /// environment <c>Testing</c>. Null: the machine's clock.
    /// </summary>
    public TimeSpan? InitialClock { get; init; }

    /// <summary>Services that are started, by name; null: all. The BGP speakers belong to mitigation.</summary>
    public IReadOnlySet<string>? Services { get; init; }

    /// <summary>Settings of a service that differ from ours, as <c>Section__Name</c>, by service.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string?>> Settings { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string?>>();
}

/// <summary>Ports by name, each chosen once.</summary>
public sealed class LocalPorts
{
    // Nice to find again, when nobody else has them.
    private static readonly Dictionary<string, int> Usual = new() { ["portal"] = 8080, ["flows"] = 2055 };

    private static readonly string[] Names =
    [
        "portal", "flows", "postgres", "rabbitmq", "rabbitmq-management", "router-bgp", "router-api", "speaker-bgp", "speaker-api",
        .. LocalServices.All.SelectMany(service => (string[])[$"{service.Name}-health", $"{service.Name}-grpc"]),
    ];

    private readonly IReadOnlyDictionary<string, int> _wanted;
    private readonly Dictionary<string, int> _chosen = [];

    public LocalPorts(IReadOnlyDictionary<string, int> wanted)
    {
        _wanted = wanted.Keys.FirstOrDefault(name => !Names.Contains(name)) is { } unknown
            ? throw new LocalStackException($"There is no port named {unknown}. There are: {string.Join(", ", Names)}.")
            : wanted;
    }

    public IReadOnlyDictionary<string, int> Chosen => _chosen;

    public int this[string name]
    {
        get
        {
            if (!_chosen.TryGetValue(name, out var port))
            {
                port = _chosen[name] = Choose(name);
            }

            return port;
        }
    }

    private int Choose(string name)
    {
        if (_wanted.TryGetValue(name, out var fixedPort))
        {
            return Loopback.IsFree(fixedPort)
                ? fixedPort
                : throw new LocalStackException($"Port {fixedPort} ({name}) is in use{(fixedPort < 1024 ? " or needs root" : "")}. Choose another with --port {name}=NUMBER.");
        }

        return Usual.TryGetValue(name, out var usual) && Loopback.IsFree(usual) ? usual : Loopback.FreePort();
    }
}

/// <summary>Something that the person at the keyboard can act on; shown without a stack trace.</summary>
public sealed class LocalStackException(string message, Exception? inner = null) : Exception(message, inner);
