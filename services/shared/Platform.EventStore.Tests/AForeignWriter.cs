using Npgsql;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>Someone else, such as Marten, who keeps the rules of the tables and knows nothing of ours.</summary>
internal sealed class AForeignWriter : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private NpgsqlTransaction _transaction;
    private readonly string _stream;
    private readonly string _tenant;

    private AForeignWriter(NpgsqlConnection connection, NpgsqlTransaction transaction, string stream, string tenant) =>
        (_connection, _transaction, _stream, _tenant) = (connection, transaction, stream, tenant);

    /// <summary>Server process of the connection, for whoever wants to kill it.</summary>
    public int ProcessId => _connection.ProcessID;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<AForeignWriter> Begin(AStore store, string key, TenantId? tenant = null)
    {
        var connection = await store.Database.OpenConnectionAsync(Token);
        return new(connection, await connection.BeginTransactionAsync(Token), $"tally:{key}", (tenant ?? Acme).Value);
    }

    /// <summary>
    /// Marten's function reads the version of a stream that exists, and takes the sequence numbers before it writes anything: for a
    /// moment its transaction has numbers and no transaction id. (One call in 32 logs the sequence and gets an id for that.)
    /// </summary>
    /// <returns>Whether the transaction has no id.</returns>
    public async Task<bool> TakeNumberBeforeAnythingElse()
    {
        await Execute("select nextval('events.mt_events_sequence')");
        await using var command = new NpgsqlCommand("select pg_current_xact_id_if_assigned() is null", _connection, _transaction);
        return (bool)(await command.ExecuteScalarAsync(Token))!;
    }

    public Task AppendWithNumberTaken() => Append("currval");

    public Task Append() => Append("nextval");

    private Task Append(string number) => Execute(
        $$"""
        insert into events.mt_streams (tenant_id, id, version) values ('{{_tenant}}', '{{_stream}}', 0) on conflict do nothing;
        insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type)
        select {{number}}('events.mt_events_sequence'), gen_random_uuid(), id, version + 1, '{"By": 1}', 'tally_counted', now(), tenant_id,
               'Platform.EventStore.Tests.TallyCounted, Platform.EventStore.Tests'
          from events.mt_streams where tenant_id = '{{_tenant}}' and id = '{{_stream}}';
        update events.mt_streams set version = version + 1 where tenant_id = '{{_tenant}}' and id = '{{_stream}}';
        """);

    public async Task Execute(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection, _transaction);
        await command.ExecuteNonQueryAsync(Token);
    }

    public async Task BeginAgain()
    {
        await _transaction.DisposeAsync();
        _transaction = await _connection.BeginTransactionAsync(Token);
    }

    public Task Commit() => _transaction.CommitAsync(Token);

    public Task Rollback() => _transaction.RollbackAsync(Token);

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
