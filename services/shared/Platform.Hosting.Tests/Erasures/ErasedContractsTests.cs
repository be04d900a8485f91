using Platform.EventStore;
using Platform.Hosting.Erasures;
using Platform.Testing;

namespace Platform.Hosting.Tests.Erasures;

/// <summary>The gate between late facts and an erasure, with writers that are inside while it closes.</summary>
public sealed class ErasedContractsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>, IAsyncLifetime
{
    private static readonly Guid ErasureId = Guid.Parse("0190eeee-0000-7000-8000-000000000001");

    private readonly ErasedContracts _gate = new(database.DataSource);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await new Migrator(database.DataSource, TimeProvider.System).Migrate(Token, typeof(ErasedContracts).Assembly);

    public ValueTask DisposeAsync()
    {
        _gate.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task An_erasure_waits_for_the_writers_inside_and_lets_nobody_in_after_itself()
    {
        var (inside, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var writer = _gate.Unless(
            "DP00000201",
            () =>
            {
                inside.SetResult();
                return mayEnd.Task;
            },
            Token);
        await inside.Task;

        var erasure = _gate.Close("DP00000201", ErasureId, Token);
        await Eventually.Equal(1L, WaitingForALock);
        Assert.False(erasure.IsCompleted);
        mayEnd.SetResult();
        await Task.WhenAll(writer, erasure);

        await _gate.Unless("DP00000201", () => throw new InvalidOperationException("Nobody may write any more."), Token);
    }

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task A_write_that_takes_longer_than_a_transaction_may_be_idle_keeps_its_place_to_the_end()
    {
        var impatient = new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c idle_in_transaction_session_timeout=200" };
        await using var source = Npgsql.NpgsqlDataSource.Create(impatient);
        using var gate = new ErasedContracts(source);
        await gate.Unless(
            "DP00000206",
            async () =>
            {
                await using var another = await source.OpenConnectionAsync(Token);
                await using (await another.BeginTransactionAsync(Token))
                {
                    await using var begin = new Npgsql.NpgsqlCommand("select 1", another);
                    await begin.ExecuteScalarAsync(Token);
                    await Eventually.Equal(0L, () => Count($"select count(*) from pg_stat_activity where pid = {another.ProcessID}")); // as long as it takes

                    Assert.Equal(1L, await Count("select count(*) from pg_locks where locktype = 'advisory' and granted and mode = 'ShareLock' and database = (select oid from pg_database where datname = current_database())"));
                }
            },
            Token);
    }

    [Fact]
    public async Task Another_contract_is_not_closed()
    {
        await _gate.Close("DP00000204", ErasureId, Token);
        var written = false;
        await _gate.Unless(
            "DP00000205",
            () =>
            {
                written = true;
                return Task.CompletedTask;
            },
            Token);
        Assert.True(written);
    }

    [Fact]
    public async Task Writers_of_one_contract_do_not_wait_for_each_other()
    {
        var both = 0;
        var together = new TaskCompletionSource();
        Task Write()
        {
            if (Interlocked.Increment(ref both) == 2)
            {
                together.SetResult();
            }

            return together.Task;
        }

        await Task.WhenAll(_gate.Unless("DP00000202", Write, Token), _gate.Unless("DP00000202", Write, Token));
    }

    [Fact]
    public async Task A_writer_that_fails_leaves_its_place()
    {
        for (var i = 0; i < 100; i++) // more than there are places
        {
            await Assert.ThrowsAsync<TimeoutException>(() => _gate.Unless("DP00000203", () => throw new TimeoutException(), Token));
        }
    }

    private Task<long> WaitingForALock() => Count(
        """
        select count(*) from pg_locks
        where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())
        """);

    private async Task<long> Count(string sql)
    {
        await using var count = database.DataSource.CreateCommand(sql);
        return (long)(await count.ExecuteScalarAsync(Token))!;
    }
}
