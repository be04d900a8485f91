using Npgsql;
using Xunit;

namespace Platform.Testing;

/// <summary>A real PostgreSQL on a free loopback port in a temporary folder, or the one that <c>PLATFORM_TEST_POSTGRES</c> names.</summary>
/// <remarks>One per test assembly: <c>[assembly: AssemblyFixture(typeof(PostgresServer))]</c>, a <see cref="PostgresDatabase"/> per test class.</remarks>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Superuser = "platform";
    private const int ImmediateShutdown = 3; // SIGQUIT: without a checkpoint, but the shared memory goes.
    private const int FastShutdown = 2; // SIGINT: ends sessions, then the server; SIGTERM would wait for the clients.

    private readonly PostgresSetup _setup;
    private readonly string? _external;
    private TemporaryFolder? _folder;
    private ServerProcess? _process;

    public PostgresServer()
        : this(new(), TestEnvironment.Postgres)
    {
    }

    private PostgresServer(PostgresSetup setup, string? external)
    {
        _setup = setup;
        _external = external;
        Port = setup.Port;
        Password = setup.Password;
    }

    /// <summary>A server of one's own, for tests that stop it. Call <see cref="InitializeAsync"/> and dispose it.</summary>
    public static PostgresServer Own(PostgresSetup? setup = null) => new(setup ?? new(), external: null);

    public int Port { get; }

    private string Password { get; }

    /// <summary>Connection string of the superuser to the database <c>postgres</c>.</summary>
    public string ConnectionString => _external
        ?? $"Host=127.0.0.1;Port={Port};Username={Superuser};Password={Password};Database=postgres";

    /// <summary>Process id of the server that we started; to end it later when it outlives us.</summary>
    public int ProcessId => Process.Id;

    public async ValueTask InitializeAsync()
    {
        if (_external is not null)
        {
            return;
        }

        _folder = _setup.Folder is null ? new TemporaryFolder("postgres") : null;
        var passwordFile = Path.Combine(Folder, "password");
        await File.WriteAllTextAsync(passwordFile, Password);
        if (Environment.IsPrivilegedProcess)
        {
            await Command.Run(["chown", "-R", "postgres:postgres", Folder]);
        }

        await Command.Run([.. AsAllowedUser, Program("initdb"), "-D", DataFolder, "-U", Superuser, "--pwfile", passwordFile,
            "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]);
        await Start();
    }

    /// <summary>Starts the server again after <see cref="Stop"/> or <see cref="Kill"/>: same port, same data.</summary>
    public async Task Start()
    {
        // After a kill the children need a moment to notice; until then the server refuses the folder.
        await Eventually.Passes(
            async () =>
            {
                _process = ServerProcess.Start("PostgreSQL", Path.Combine(Folder, "log"), [.. AsAllowedUser, .. ServerCommand], endSignal: ImmediateShutdown);
                await _process.Ready(Accepts, TimeSpan.FromSeconds(30));
            },
            TimeSpan.FromSeconds(30));
    }

    /// <summary>Ends the server in order.</summary>
    public Task Stop() => Process.Stop(signal: FastShutdown);

    /// <summary>kill -9.</summary>
    public Task Kill() => Process.Kill();

    /// <summary>From now on the server stays when this process ends.</summary>
    public void LeaveRunning() => Process.LeaveRunning();

    /// <summary>Creates a role that can log in, and a database that only this role (and the superuser) can open.</summary>
    public async Task<string> CreateDatabase(string name, string password, CancellationToken cancellationToken = default)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(cancellationToken);
        foreach (var statement in (string[])
        [
            $"create role \"{name}\" login password '{password}'",
            $"create database \"{name}\" owner \"{name}\"",
            $"revoke all on database \"{name}\" from public",
        ])
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        return new NpgsqlConnectionStringBuilder(ConnectionString) { Username = name, Password = password, Database = name }.ConnectionString;
    }

    /// <summary>Removes a database and its role, with the sessions on it.</summary>
    public async Task DropDatabase(string name)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in (string[])[$"drop database if exists \"{name}\" with (force)", $"drop role if exists \"{name}\""])
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder?.Dispose();
    }

    private string Folder => _setup.Folder ?? _folder?.FullName ?? throw new InvalidOperationException("InitializeAsync comes first.");

    private string DataFolder => Path.Combine(Folder, "data");

    private ServerProcess Process => _process
        ?? throw new InvalidOperationException("This PostgreSQL was not started here. Use PostgresServer.Own() to stop and kill one.");

    // PostgreSQL refuses to run as root.
    private static string[] AsAllowedUser => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        : [];

    private string[] ServerCommand =>
    [
        Program("postgres"), "-D", DataFolder, "-p", $"{Port}",
        .. Settings.SelectMany(setting => new[] { "-c", setting }),
    ];

    // Without fsync a kill of the process still loses nothing; only a crash of the machine would.
    private string[] Settings =>
    [
        "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "max_prepared_transactions=10", "shared_buffers=128MB",
        "log_min_messages=warning",
        .. _setup.Durable ? Array.Empty<string>() : ["fsync=off", "full_page_writes=off"],
    ];

    private static string Program(string name) =>
        Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(version => Path.Combine(version, "bin", name)).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"{name} is not installed (Debian package postgresql).");

    private async Task<bool> Accepts(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}

/// <summary>What may be chosen about a PostgreSQL of one's own.</summary>
public sealed record PostgresSetup
{
    /// <summary>An existing empty folder that stays; null for a temporary one.</summary>
    public string? Folder { get; init; }

    public int Port { get; init; } = Loopback.FreePort();

    /// <summary>Password of the superuser; letters and digits.</summary>
    public string Password { get; init; } = Secrets.Password();

    /// <summary>Writes reach the disk before they are confirmed: for benchmarks. Default: they do not, tests are faster so.</summary>
    public bool Durable { get; init; }
}
