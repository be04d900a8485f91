using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Web;
using Xunit;

namespace Platform.Testing;

/// <summary>A real RabbitMQ on free loopback ports in a temporary folder, or the one that <c>PLATFORM_TEST_RABBITMQ</c> names.</summary>
/// <remarks>
/// One per test assembly: <c>[assembly: AssemblyFixture(typeof(RabbitMqServer))]</c>, a <see cref="RabbitMqVirtualHost"/> per test class.
/// Node name, cookie and port mapper are its own, so that runs beside it do not meet it.
/// </remarks>
public sealed class RabbitMqServer : IAsyncLifetime
{
    private readonly RabbitMqSetup _setup;
    private readonly bool _external;
    private readonly int _mapperPort = Loopback.FreePort();
    private readonly int _distributionPort = Loopback.FreePort();
    private readonly HttpClient _management;
    private TemporaryFolder? _folder;
    private ServerProcess? _mapper;
    private ServerProcess? _process;

    public RabbitMqServer()
        : this(TestEnvironment.RabbitMq is { } uri ? RabbitMqSetup.Parse(new Uri(uri)) : new(), TestEnvironment.RabbitMq is not null)
    {
    }

    private RabbitMqServer(RabbitMqSetup setup, bool external)
    {
        _setup = setup;
        _external = external;
        _management = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://{Host}:{ManagementPort}/api/") };
        _management.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));
    }

    /// <summary>A server of one's own, for tests that stop it. Call <see cref="InitializeAsync"/> and dispose it.</summary>
    public static RabbitMqServer Own(RabbitMqSetup? setup = null) => new(setup ?? new(), external: false);

    public string Host => _setup.Host;

    public int Port => _setup.Port;

    public int ManagementPort => _setup.ManagementPort;

    /// <summary>Administrator.</summary>
    public string User => _setup.User;

    /// <summary>Password of the administrator.</summary>
    public string Password => _setup.Password;

    /// <summary>What <c>PLATFORM_TEST_RABBITMQ</c> must hold so that other processes use this server.</summary>
    public string Address => $"amqp://{User}:{Password}@{Host}:{Port}?management={ManagementPort}";

    /// <summary>Process ids of what we started (broker, port mapper); to end them later when they outlive us.</summary>
    public IReadOnlyList<int> ProcessIds => [Process.Id, .. _mapper is null ? Array.Empty<int>() : [_mapper.Id]];

    public async ValueTask InitializeAsync()
    {
        if (_external)
        {
            return;
        }

        _folder = _setup.Folder is null ? new TemporaryFolder("rabbitmq") : null;
        Directory.CreateDirectory(Path.Combine(Folder, "home"));
        await File.WriteAllTextAsync(Path.Combine(Folder, "enabled_plugins"), "[rabbitmq_consistent_hash_exchange,rabbitmq_management].\n");
        await File.WriteAllTextAsync(
            Path.Combine(Folder, "rabbitmq.conf"),
            $"""
            listeners.tcp.1 = 127.0.0.1:{Port}
            management.tcp.ip = 127.0.0.1
            management.tcp.port = {ManagementPort}
            default_user = {User}
            default_pass = {Password}
            log.console = true
            log.console.level = warning
            log.file = false
            vm_memory_high_watermark.absolute = 1GB
            disk_free_limit.absolute = 50MB
            """ + "\n");

        // Ours, in the foreground: the one that Erlang starts by itself detaches and would stay.
        _mapper = ServerProcess.Start(
            "epmd", Path.Combine(Folder, "epmd.log"), ["epmd", "-address", "127.0.0.1", "-port", $"{_mapperPort}"]);
        await _mapper.Ready(token => Loopback.Answers("127.0.0.1", _mapperPort, token), TimeSpan.FromSeconds(10));
        await Start();
    }

    /// <summary>Starts the broker again after <see cref="Stop"/> or <see cref="Kill"/>: same ports, same data.</summary>
    public async Task Start()
    {
        _process = ServerProcess.Start(
            "RabbitMQ",
            Path.Combine(Folder, "log"),
            ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            Environment);
        await _process.Ready(Accepts, TimeSpan.FromSeconds(90));
    }

    /// <summary>Ends the broker in order.</summary>
    public Task Stop() => Process.Stop(TimeSpan.FromSeconds(30));

    /// <summary>kill -9. A queue declared in the last three minutes may be forgotten, unless <see cref="RememberQueues"/> came between.</summary>
    public Task Kill() => Process.Kill();

    /// <summary>From now on the broker and its port mapper stay when this process ends.</summary>
    public void LeaveRunning()
    {
        Process.LeaveRunning();
        _mapper?.LeaveRunning();
    }

    /// <summary>Writes the directory of quorum queues to disk now; by itself the broker does so once it was quiet for three minutes.</summary>
    /// <remarks>One node only: of three, the others would know the queue.</remarks>
    public Task RememberQueues() => Command.Run(
        ["/usr/lib/rabbitmq/bin/rabbitmqctl", "eval", "[dets:sync(T) || T <- dets:all()]."], Environment);

    /// <summary>Creates a virtual host; the administrator may do everything in it.</summary>
    public async Task CreateVirtualHost(string name)
    {
        await Put($"vhosts/{name}", new { });
        await Allow(name, User, ".*", ".*", ".*");
    }

    public async Task DeleteVirtualHost(string name) =>
        (await _management.DeleteAsync($"vhosts/{HttpUtility.UrlEncode(name)}")).EnsureSuccessStatusCode();

    public Task CreateUser(string name, string password) => Put($"users/{name}", new { password, tags = "" });

    /// <summary>Permissions as RabbitMQ means them: regular expressions on the names of queues and exchanges.</summary>
    public Task Allow(string virtualHost, string user, string configure, string write, string read) =>
        Put($"permissions/{virtualHost}/{user}", new { configure, write, read });

    /// <summary>An answer of the management API, for example <c>queues/my-host</c>: to look at queues and connections.</summary>
    public async Task<JsonElement> Ask(string path) => await _management.GetFromJsonAsync<JsonElement>(path);

    public async ValueTask DisposeAsync()
    {
        foreach (var process in new[] { _process, _mapper })
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }

        _folder?.Dispose();
        _management.Dispose();
    }

    private string Folder => _setup.Folder ?? _folder?.FullName ?? throw new InvalidOperationException("InitializeAsync comes first.");

    private Dictionary<string, string?> Environment => new()
    {
        ["HOME"] = Path.Combine(Folder, "home"),
        ["ERL_EPMD_PORT"] = $"{_mapperPort}",
        ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_NODENAME"] = $"platform{Port}@localhost",
        ["RABBITMQ_DIST_PORT"] = $"{_distributionPort}",
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(Folder, "mnesia"),
        ["RABBITMQ_LOG_BASE"] = Folder,
        ["RABBITMQ_LOGS"] = "-",
        ["RABBITMQ_PID_FILE"] = Path.Combine(Folder, "pid"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(Folder, "enabled_plugins"),
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(Folder, "rabbitmq.conf"),
        // The script then becomes the broker instead of starting it: one process, one id.
        ["RABBITMQ_ALLOW_INPUT"] = "1",
        // No busy waiting: the machine is shared with everything under test.
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] =
            "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
    };

    private ServerProcess Process => _process
        ?? throw new InvalidOperationException("This RabbitMQ was not started here. Use RabbitMqServer.Own() to stop and kill one.");

    private async Task Put(string path, object body) => (await _management.PutAsJsonAsync(path, body)).EnsureSuccessStatusCode();

    private async Task<bool> Accepts(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _management.GetAsync("health/checks/virtual-hosts", cancellationToken);
            return answer.StatusCode == HttpStatusCode.OK && await Loopback.Answers("127.0.0.1", Port, cancellationToken);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}

/// <summary>What may be chosen about a RabbitMQ of one's own.</summary>
public sealed record RabbitMqSetup
{
    /// <summary>An existing empty folder that stays; null for a temporary one.</summary>
    public string? Folder { get; init; }

    public string Host { get; private init; } = "127.0.0.1";

    public int Port { get; init; } = Loopback.FreePort();

    public int ManagementPort { get; init; } = Loopback.FreePort();

    public string User { get; init; } = "platform";

    public string Password { get; init; } = Secrets.Password();

    internal static RabbitMqSetup Parse(Uri address) => new()
    {
        Host = address.Host,
        Port = address.Port,
        ManagementPort = int.Parse(
            HttpUtility.ParseQueryString(address.Query)["management"]
                ?? throw new FormatException("PLATFORM_TEST_RABBITMQ must end with ?management=PORT."),
            System.Globalization.CultureInfo.InvariantCulture),
        User = address.UserInfo.Split(':')[0],
        Password = address.UserInfo.Split(':')[1],
    };
}
