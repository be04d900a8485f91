using Npgsql;
using Xunit;

namespace Platform.Testing;

/// <summary>A fresh database with its own role for one test class: <c>IClassFixture&lt;PostgresDatabase&gt;</c>.</summary>
public sealed class PostgresDatabase(PostgresServer server) : IAsyncLifetime
{
    private NpgsqlDataSource? _dataSource;

    /// <summary>Name of the database and of the role that owns it.</summary>
    public string Name { get; } = Secrets.Name("test");

    /// <summary>Connection string of the owner.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>Connections of the owner.</summary>
    public NpgsqlDataSource DataSource => _dataSource ?? throw new InvalidOperationException("InitializeAsync comes first.");

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await server.CreateDatabase(Name, Secrets.Password());
        _dataSource = NpgsqlDataSource.Create(ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        if (_dataSource is not null)
        {
            await _dataSource.DisposeAsync();
        }

        await server.DropDatabase(Name);
    }
}
