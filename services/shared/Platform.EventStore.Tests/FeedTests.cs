using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>Every committed event, once, in order, whatever writers do.</summary>
public sealed class FeedTests(PostgresServer server) : IAsyncLifetime
{
    private readonly AStore _given = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _given.InitializeAsync();

    public ValueTask DisposeAsync() => _given.DisposeAsync();

    [Fact]
    public async Task Nothing_is_passed_while_an_earlier_number_may_still_commit()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1);
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);

        await slow.Commit();

        await Eventually.Equal("1 2 3", () => reader.Seen);
    }

    [Fact]
    public async Task A_number_that_was_rolled_back_is_passed()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);

        await slow.Rollback();

        await Eventually.Equal("2", () => reader.Seen);
    }

    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<long> _seen = [];
        private readonly Task _reading;

        public Reader(EventFeed feed) => _reading = Read(feed);

        public string Seen
        {
            get
            {
                lock (_seen)
                {
                    return string.Join(' ', _seen);
                }
            }
        }

        public async Task StaysAt(int count)
        {
            for (var look = 0; look < 30; look++)
            {
                lock (_seen)
                {
                    Assert.Equal(count, _seen.Count);
                }

                await Task.Delay(10, Token);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.Dispose();
        }

        private async Task Read(EventFeed feed)
        {
            await foreach (var batch in feed.Follow("reader", _stop.Token))
            {
                lock (_seen)
                {
                    _seen.AddRange(batch.Events.Select(e => e.Sequence));
                }

                await batch.Advance(_stop.Token);
            }
        }
    }
}

/// <summary>Appends as Marten's own function does: reads the version, takes sequence numbers, inserts, then updates the stream.</summary>
internal sealed class AForeignWriter : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly string _key;

    private AForeignWriter(NpgsqlConnection connection, NpgsqlTransaction transaction, string key) =>
        (_connection, _transaction, _key) = (connection, transaction, key);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<AForeignWriter> Begin(AStore store, string key)
    {
        var connection = await store.Database.OpenConnectionAsync(Token);
        return new(connection, await connection.BeginTransactionAsync(Token), key);
    }

    public Task Append() => Execute(
        $$"""
        insert into events.mt_streams (tenant_id, id, version) values ('{{Acme.Value}}', 'tally:{{_key}}', 0) on conflict do nothing;
        insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type)
        select nextval('events.mt_events_sequence'), gen_random_uuid(), id, version + 1, '{"By": 1}', 'tally_counted', now(), tenant_id,
               'Platform.EventStore.Tests.TallyCounted, Platform.EventStore.Tests'
          from events.mt_streams where tenant_id = '{{Acme.Value}}' and id = 'tally:{{_key}}';
        update events.mt_streams set version = version + 1 where tenant_id = '{{Acme.Value}}' and id = 'tally:{{_key}}';
        """);

    public async Task Execute(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection, _transaction);
        await command.ExecuteNonQueryAsync(Token);
    }

    public Task Commit() => _transaction.CommitAsync(Token);

    public Task Rollback() => _transaction.RollbackAsync(Token);

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
