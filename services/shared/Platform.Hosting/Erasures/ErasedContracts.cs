using System.Diagnostics.Metrics;
using Npgsql;

namespace Platform.Hosting.Erasures;

/// <summary>
/// The contracts whose data is gone, and the gate that keeps late facts from bringing it back. Writers of a contract's data go through
/// together; an erasure waits for those inside and lets nobody in after itself.
/// </summary>
/// <remarks>
/// The gate is an advisory lock of the database, shared by writers and exclusive for the erasure, so it holds over all replicas. A place
/// inside occupies one connection while the writer uses another; fewer places than the pool has connections, so they cannot starve.
/// </remarks>
public sealed class ErasedContracts(NpgsqlDataSource database) : IDisposable
{
    private const int Places = 16;

    private static readonly Counter<long> Dropped = new Meter("Platform.Erasures").CreateCounter<long>(
        "platform.erasures.facts.dropped", "{fact}", "Facts dropped because the contract's data has been erased.");

    private readonly SemaphoreSlim _places = new(Places);

    /// <summary>Writes, unless the contract's data has been erased; then the fact is dropped, which is what erased means.</summary>
    public async Task Unless(string serviceCode, Func<Task> write, CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            // The write may take longer than a transaction may be left open, and the gate must hold as long.
            await Execute(
                connection,
                "select pg_advisory_xact_lock_shared(hashtextextended($1, 0)), set_config('idle_in_transaction_session_timeout', '0', true)",
                cancellationToken,
                serviceCode);

            // A statement of its own: it must see what was committed while the lock was waited for.
            var isErased = await Execute(
                connection,
                "select true from erasures.erased_contracts where service_code = $1",
                cancellationToken,
                serviceCode);
            if (isErased is not null)
            {
                Dropped.Add(1);
                return;
            }

            await write();
        }
        finally
        {
            _places.Release();
        }
    }

    /// <summary>Lets those inside finish and nobody in from now on.</summary>
    public async Task Close(string serviceCode, Guid erasureId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await Execute(
            connection, "select pg_advisory_xact_lock(hashtextextended($1, 0))", cancellationToken, serviceCode);
        await Execute(
            connection,
            "insert into erasures.erased_contracts (service_code, erasure_id) values ($1, $2) on conflict do nothing",
            cancellationToken,
            serviceCode,
            erasureId);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private static async Task<object?> Execute(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
