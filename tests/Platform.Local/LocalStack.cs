using System.Security.Cryptography;
using Npgsql;
using Platform.Testing;

namespace Platform.Local;

/// <summary>The whole suite on loopback: servers, a router, and every service as a process of its own.</summary>
/// <remarks>
/// Each service has its own database and role, and its own user at the broker with rights to its own queues. Migrations run before any service
/// starts, so that every subscriber's queue is there before the first fact.
/// </remarks>
public sealed class LocalStack : IAsyncDisposable
{
    internal const string VirtualHost = "platform";
    private const uint ProviderAsn = 64500;
    private const uint RouterAsn = 64501;
    private static readonly TimeSpan RoutesKept = TimeSpan.FromSeconds(30);

    private readonly LocalSetup _setup;
    private readonly HttpClient _http = new(new SocketsHttpHandler());
    private readonly TemporaryFolder _data = new("stack");
    private readonly Dictionary<string, LocalService> _services = [];

    private LocalStack(LocalSetup setup)
    {
        _setup = setup;
        Ports = new LocalPorts(setup.Ports);
        File.SetUnixFileMode(DataFolder, (UnixFileMode)0b111_001_001);
        foreach (var part in (string[])["postgres", "rabbitmq", "speaker", "router"])
        {
            Directory.CreateDirectory(Path.Combine(DataFolder, part));
        }

        Directory.CreateDirectory(Path.Combine(setup.Folder, "logs"));
        Postgres = PostgresServer.Own(new() { Folder = Path.Combine(DataFolder, "postgres"), Port = Ports["postgres"] });
        RabbitMq = RabbitMqServer.Own(new()
        {
            Folder = Path.Combine(DataFolder, "rabbitmq"),
            Port = Ports["rabbitmq"],
            ManagementPort = Ports["rabbitmq-management"],
        });

        // BGP tells neighbours apart by address; every address of 127.0.0.0/8 is ours.
        Router = new GoBgpServer(new()
        {
            Asn = RouterAsn,
            RouterId = "192.0.2.1",
            Address = "127.0.0.3",
            Port = Ports["router-bgp"],
            ApiPort = Ports["router-api"],
            Neighbours = [new("127.0.0.2", ProviderAsn)],
            GracefulRestart = RoutesKept,
            Folder = Path.Combine(DataFolder, "router"),
        });
        Speaker = new GoBgpServer(new()
        {
            Asn = ProviderAsn,
            RouterId = "192.0.2.2",
            Address = "127.0.0.2",
            Port = Ports["speaker-bgp"],
            ApiPort = Ports["speaker-api"],
            Neighbours = [new("127.0.0.3", RouterAsn, Ports["router-bgp"])],
            GracefulRestart = RoutesKept,
            Folder = Path.Combine(DataFolder, "speaker"),
        });
    }

    public PostgresServer Postgres { get; }

    public RabbitMqServer RabbitMq { get; }

    /// <summary>The BGP speaker that mitigation drives.</summary>
    public GoBgpServer Speaker { get; }

    /// <summary>The provider's router: the speaker's neighbour, where a blackhole must arrive.</summary>
    public GoBgpServer Router { get; }

    /// <summary>By name: portal, flows, postgres, rabbitmq, SERVICE-health, SERVICE-grpc, ...</summary>
    public LocalPorts Ports { get; }

    /// <summary>Data of the servers; gone when the stack ends.</summary>
    /// <remarks>In the system's temporary folder: PostgreSQL's own user could not reach it below /root.</remarks>
    public string DataFolder => _data.FullName;

    /// <summary>The provider operator that the installation starts with.</summary>
    public (string Email, string Password) FirstOperator { get; } = ("operator@provider.example", Secrets.Password());

    /// <summary>The portal and the API.</summary>
    public Uri Gateway => new($"http://127.0.0.1:{Ports["portal"]}");

    public IReadOnlyDictionary<string, LocalService> Services => _services;

    internal string SigningKeyFile => Path.Combine(_setup.Folder, "caller.key.pem");

    internal string SessionKeyFolder => Directory.CreateDirectory(Path.Combine(_setup.Folder, "session-keys")).FullName;

    public string VerificationKeyFile => Path.Combine(_setup.Folder, "caller.pub.pem");

    private string SealingKeyFile => Path.Combine(_setup.Folder, "sealing.keys");

    private string ClockFile => Path.Combine(_setup.Folder, "clock-offset");

    /// <summary>Starts everything and waits until every service is ready.</summary>
    public static async Task<LocalStack> Start(LocalSetup setup, Action<string>? progress = null)
    {
        var stack = new LocalStack(setup);
        try
        {
            await stack.StartAll(progress ?? (_ => { }));
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    public Uri GrpcAddress(string service) => new($"http://127.0.0.1:{Ports[$"{service}-grpc"]}");

    /// <summary>Sets the services' clocks to an instant, from which they go on. Only with <see cref="LocalSetup.InitialClock"/>.</summary>
    public Task MoveClockTo(DateTimeOffset instant) => MoveClock(instant - TimeProvider.System.GetUtcNow());

    /// <summary>Processes by name, log files by name: what <c>status</c>, <c>logs</c> and <c>down</c> need.</summary>
    public IEnumerable<(string Name, int ProcessId, string LogFile)> Processes() =>
    [
        ("postgres", Postgres.ProcessId, Path.Combine(DataFolder, "postgres", "log")),
        .. RabbitMq.ProcessIds.Zip(["rabbitmq", "epmd"], (id, name) =>
            (name, id, Path.Combine(DataFolder, "rabbitmq", name == "epmd" ? "epmd.log" : "log"))),
        ("speaker", Speaker.ProcessId, Path.Combine(DataFolder, "speaker", "gobgpd.log")),
        ("router", Router.ProcessId, Path.Combine(DataFolder, "router", "gobgpd.log")),
        .. _services.Values.Select(service => (service.Name, service.ProcessId, service.LogFile)),
    ];

    /// <summary>From now on the stack stays when this process ends. Until then it ends with it, even by a kill.</summary>
    public void LeaveRunning()
    {
        foreach (var service in _services.Values)
        {
            service.LeaveRunning();
        }

        Postgres.LeaveRunning();
        RabbitMq.LeaveRunning();
        Speaker.LeaveRunning();
        Router.LeaveRunning();
        _data.Leave();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services.Values)
        {
            await service.DisposeAsync();
        }

        await Speaker.DisposeAsync();
        await Router.DisposeAsync();
        await RabbitMq.DisposeAsync();
        await Postgres.DisposeAsync();
        _data.Dispose();
        _http.Dispose();
    }

    private async Task StartAll(Action<string> progress)
    {
        WriteKeys();
        if (_setup.InitialClock is { } ahead)
        {
            await MoveClock(ahead);
        }

        var hasSpeakers = _setup.Services?.Contains("mitigation") ?? true;
        progress(hasSpeakers ? "PostgreSQL, RabbitMQ and two BGP speakers start" : "PostgreSQL and RabbitMQ start");
        await Task.WhenAll(
            Postgres.InitializeAsync().AsTask(), RabbitMq.InitializeAsync().AsTask(), hasSpeakers ? StartSpeakers() : Task.CompletedTask);

        await RabbitMq.CreateVirtualHost(VirtualHost);
        foreach (var needs in LocalServices.Built.Where(needs => _setup.Services?.Contains(needs.Name) ?? true))
        {
            _services[needs.Name] = new LocalService(
                needs.Name,
                Path.Combine(_setup.Folder, "logs", $"{needs.Name}.log"),
                Ports[$"{needs.Name}-health"],
                await EnvironmentOf(needs),
                _http);
        }

        progress($"Databases and queues of {string.Join(", ", _services.Keys)} are created");
        await Parallel.ForEachAsync(
            _services.Values,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            async (service, _) => await service.Migrate());
        await RabbitMq.RememberQueues();

        progress("Services start");
        foreach (var service in _services.Values)
        {
            service.Start();
        }

        await Task.WhenAll(_services.Values.Select(service => service.Ready()));
        if (hasSpeakers)
        {
            await Eventually.True(() => Router.IsEstablished(Speaker.Address), TimeSpan.FromSeconds(30), "the BGP session");
        }
    }

    private Task StartSpeakers() => Task.WhenAll(Router.Start(), Speaker.Start());

    private async Task<Dictionary<string, string?>> EnvironmentOf(LocalServiceNeeds needs)
    {
        var brokerPassword = Secrets.Password();
        await RabbitMq.CreateUser(needs.Name, brokerPassword);
        var mine = $"^({needs.Name}-.*|{needs.Name}_.*|.*_bus_.*|Platform\\.Contracts\\..*|MassTransit:.*{(needs.Telemetry.Length > 0 ? $"|{needs.Telemetry}" : "")})$";
        await RabbitMq.Allow(VirtualHost, needs.Name, configure: mine, write: mine, read: mine);

        var environment = new Dictionary<string, string?>
        {
            ["DOTNET_ENVIRONMENT"] = _setup.InitialClock is not null ? "Testing" : "Production",
            ["ASPNETCORE_ENVIRONMENT"] = null,
            ["ASPNETCORE_URLS"] = null,
            ["ASPNETCORE_CONTENTROOT"] = LocalService.ProgramFolder(needs.Name),
            ["RabbitMq__Host"] = RabbitMq.Host,
            ["RabbitMq__Port"] = $"{RabbitMq.Port}",
            ["RabbitMq__VirtualHost"] = VirtualHost,
            ["RabbitMq__User"] = needs.Name,
            ["RabbitMq__Password"] = brokerPassword,
            ["Listen__Health"] = $"127.0.0.1:{Ports[$"{needs.Name}-health"]}",
            ["Caller__VerificationKeyFile"] = VerificationKeyFile,
        };
        if (_setup.InitialClock is not null)
        {
            environment["Clock__OffsetFile"] = ClockFile;
        }

        if (needs.ServesGrpc)
        {
            environment["Listen__Grpc"] = $"127.0.0.1:{Ports[$"{needs.Name}-grpc"]}";
        }

        if (needs.HasDatabase)
        {
            var database = new NpgsqlConnectionStringBuilder(await Postgres.CreateDatabase(needs.Name, Secrets.Password())) { MaxPoolSize = 20 };
            environment["ConnectionStrings__Postgres"] = database.ConnectionString;
            environment["Sealing__KeyFile"] = SealingKeyFile;
        }

        foreach (var (key, value) in needs.Settings(this).Concat(_setup.Settings.GetValueOrDefault(needs.Name) ?? new Dictionary<string, string?>()))
        {
            environment[key] = value;
        }

        return environment;
    }

    /// <summary>In one step: a service may read the file at any moment.</summary>
    private async Task MoveClock(TimeSpan ahead)
    {
        if (_setup.InitialClock is null)
        {
            throw new InvalidOperationException("This stack's clock cannot be moved.");
        }

        await File.WriteAllTextAsync(ClockFile + ".new", ahead.ToString("c"));
        File.Move(ClockFile + ".new", ClockFile, overwrite: true);
    }

    /// <summary>The gateway's key pair, it signs who calls, the services check; and the key that wraps those of the sealed fields.</summary>
    private void WriteKeys()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(SigningKeyFile, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(SigningKeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(VerificationKeyFile, key.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(SealingKeyFile, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        File.SetUnixFileMode(SealingKeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
