using System.Reflection;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Platform.Testing;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace Platform.EventStore.Tests;

/// <summary>A migrated database and a store on it, for one test class.</summary>
public sealed class AStore(PostgresServer server) : IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(server);
    private readonly string _keyFile = Path.GetTempFileName();

    public static DateTimeOffset Noon { get; } = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static TenantId Acme { get; } = TenantId.Of(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"));

    public static TenantId Borg { get; } = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));

    public ManualTimeProvider Clock { get; } = new(Noon);

    public NpgsqlDataSource Database { get; private set; } = null!;

    public string ConnectionString => _database.ConnectionString;

    public string KeyFile => _keyFile;

    public EventCatalog Catalog { get; private set; } = null!;

    public StreamStore Store { get; private set; } = null!;

    public EventFeed Feed => new(Store);

    public static Cause NewCause() => new(Guid.CreateVersion7(DateTimeOffset.UnixEpoch).ToString());

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        StreamStore.Tune(settings);
        Database = NpgsqlDataSource.Create(settings);
        await new Migrator(Database, Clock).Migrate(TestContext.Current.CancellationToken, Assembly.GetExecutingAssembly());
        await AForeignWriter.Install(this);
        await File.WriteAllTextAsync(_keyFile, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        Catalog = EventCatalog.Of(typeof(TallyEvent), typeof(PersonEvent)).SealWith(MasterKey.FromFile(_keyFile));
        Store = new StreamStore(Database, Catalog, Clock, () => "synchronised");
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(_keyFile);
        await Database.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>Counts on a tally of a tenant, whatever its version.</summary>
    public Task<AppendResult> Count(TenantId tenant, string tally, params int[] by) => Store.Tenant(tenant).Append(
        TallyState.Stream, tally, ExpectedVersion.Any, by.Select(count => new TallyCounted(count)).ToArray(), NewCause(), Token);

    public ProjectionRunner Runner(IProjection projection) => new(Store, projection, NullLogger<ProjectionRunner>.Instance);

    /// <summary>Cuts off whoever holds the lock on a reader's name.</summary>
    public Task KillReaders() => Execute(
        """
        select pg_terminate_backend(pid) from pg_locks
         where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
        """);

    public async Task<T> Query<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }

    public async Task Execute(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;
}
