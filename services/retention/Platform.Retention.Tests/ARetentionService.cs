using Npgsql;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Retention.Tests;

/// <summary>The whole service on a database and a virtual host of its own, for one test class.</summary>
public sealed class ARetentionService(PostgresServer postgres, RabbitMqServer rabbit) : IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly RabbitMqVirtualHost _broker = new(rabbit);

    public static TenantId Acme { get; } = TenantId.Of(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"));

    public static TenantId Borg { get; } = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));

    public ServiceHost Host { get; private set; } = null!;

    public NpgsqlDataSource Database => _database.DataSource;

    public ManualTimeProvider Clock => Host.Clock;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _broker.InitializeAsync();
        Host = await ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("retention");
                builder.AddRetention();
            },
            Map = app =>
            {
                app.MapPlatform();
                app.MapRetention();
            },
            Database = _database,
            Broker = _broker,
            // Months pass in these tests; a tick each minute is enough of them.
            Settings = new Dictionary<string, string?> { ["Erasures:CheckInterval"] = "00:01:00" },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>An identity that nobody else has.</summary>
    public Guid NewId() => Guid.CreateVersion7(Clock.GetUtcNow());

    public async Task<T> Query<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
