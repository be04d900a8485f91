using System.Runtime.CompilerServices;
using Npgsql;

namespace Platform.EventStore;

/// <summary>All committed events of a service in their one order: each reader gets every event, none twice, none out of order.</summary>
public sealed class EventFeed(StreamStore store)
{
    internal const string Head = "select coalesce(max(seq_id), 0) from events.mt_events";

    /// <summary>Reads on from the checkpoint, for ever. One reader of a name works at a time; another takes over when it is gone.</summary>
    /// <param name="checkpoint">Name of the reader, unique in the service, for example <c>relay</c>.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <remarks>
    /// Call <see cref="FeedBatch.Advance"/> when the effects of a batch are safe. The enumeration throws when the database goes away:
    /// begin again, and it goes on from the checkpoint.
    /// </remarks>
    /// <exception cref="UnreadableEventException">The next event cannot be read; everything before it was given out.</exception>
    public async IAsyncEnumerable<FeedBatch> Follow(
        string checkpoint, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        store.Readers.TryAdd(checkpoint, 0);
        await using var reader = await FeedReader.Open(store, checkpoint, cancellationToken);
        while (true)
        {
            yield return await reader.Next(cancellationToken);
        }
    }

    /// <summary>Where a reader stands; 0 when it has not begun.</summary>
    public async Task<long> PositionOf(string checkpoint, CancellationToken cancellationToken)
    {
        await using var command = store.Database.Command("select position from platform.checkpoints where name = $1", checkpoint);
        return await command.ExecuteScalarAsync(cancellationToken) as long? ?? 0;
    }

    /// <summary>Waits until a reader has passed this position, wherever it runs.</summary>
    public async Task WaitUntil(string checkpoint, long sequence, CancellationToken cancellationToken)
    {
        for (var pause = 2; await PositionOf(checkpoint, cancellationToken) < sequence; pause = Math.Min(2 * pause, 100))
        {
            await Task.Delay(pause, cancellationToken);
        }
    }

    /// <summary>Waits until a reader has passed everything that is stored now: a service begins to answer when its views are current.</summary>
    public async Task CatchUp(string checkpoint, CancellationToken cancellationToken)
    {
        await using var command = store.Database.CreateCommand(Head);
        await WaitUntil(checkpoint, (long)(await command.ExecuteScalarAsync(cancellationToken))!, cancellationToken);
    }

    /// <summary>Sets a reader back before the first event stored since then; wherever it runs, it goes on from there.</summary>
    /// <returns>How many events it reads once more.</returns>
    public async Task<long> Rewind(string checkpoint, DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var connection = await store.Database.OpenConnectionAsync(cancellationToken);
        var again = await connection.Scalar<long>(
            """
            with first as (select coalesce(min(seq_id), 9223372036854775807) - 1 as position from events.mt_events where timestamp >= $2),
            back as (
                update platform.checkpoints c set position = least(c.position, first.position) from first where c.name = $1 returning c.position)
            select count(*) from events.mt_events e join platform.checkpoints c on c.name = $1 join back on e.seq_id > back.position and e.seq_id <= c.position
            """, // the count sees the checkpoint as it was
            cancellationToken,
            checkpoint,
            since);

        // Whoever waits for new events would not look: without its connection it begins again at the checkpoint.
        await connection.Execute(
            """
            select pg_terminate_backend(pid) from pg_locks
             where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
               and (classid::bigint << 32) | objid::bigint = hashtextextended('platform.feed:' || $1, 0)
            """,
            cancellationToken,
            checkpoint);
        return again;
    }

    /// <summary>
    /// Measures how far each reader that this process has begun is behind, wherever it runs and whether it runs at all, and sets the metrics.
    /// Call it every few seconds.
    /// </summary>
    public async Task<IReadOnlyList<FeedLag>> MeasureLag(CancellationToken cancellationToken)
    {
        await using var command = store.Database.Command(
            $"""
            select c.name, greatest(head.seq_id - c.position, 0), next.timestamp, coalesce(writer.pid, 0)
              from platform.checkpoints c
             cross join ({Head}) as head (seq_id)
              left join lateral (select timestamp from events.mt_events where seq_id > c.position order by seq_id limit 1) as next on true
              left join (select l.pid from ({FeedReader.Holders}) as l join pg_stat_activity a using (pid) order by a.xact_start limit 1) as writer on true
             where c.name = any($1)
            """,
            [store.Readers.Keys.ToArray()]);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var lags = new List<FeedLag>();
        while (await rows.ReadAsync(cancellationToken))
        {
            var age = rows.IsDBNull(2) ? TimeSpan.Zero : store.Clock.GetUtcNow() - rows.GetFieldValue<DateTimeOffset>(2);
            lags.Add(new(rows.GetString(0), rows.GetInt64(1), age > TimeSpan.Zero ? age : TimeSpan.Zero, rows.GetInt32(3)));
        }

        lags.ForEach(Telemetry.Behind);
        return lags;
    }
}

/// <summary>How far a reader of the feed is behind.</summary>
/// <param name="Reader">Name of its checkpoint.</param>
/// <param name="Events">Stored events that it has not passed; numbers that were never used among them count too.</param>
/// <param name="Age">How long the oldest of them has been stored; zero when there is none.</param>
/// <param name="Writer">Server process whose open transaction took numbers first and may hold the reader back; 0 when there is none.</param>
public sealed record FeedLag(string Reader, long Events, TimeSpan Age, int Writer);

/// <summary>Events that follow each other in the feed.</summary>
public sealed class FeedBatch
{
    private readonly string _checkpoint;
    private readonly long _erasing;

    internal FeedBatch(
        NpgsqlConnection connection, string checkpoint, long from, long to, IReadOnlyList<RecordedEvent> events, long erasing) =>
        (Connection, _checkpoint, From, To, Events, _erasing) = (connection, checkpoint, from, to, events, erasing);

    /// <summary>The events, in order. Empty when only filled gaps were passed.</summary>
    public IReadOnlyList<RecordedEvent> Events { get; }

    /// <summary>Position before the batch.</summary>
    public long From { get; }

    /// <summary>Position after the batch.</summary>
    public long To { get; }

    internal NpgsqlConnection Connection { get; }

    /// <summary>What comes before an event that cannot be handled: advance that, and stop.</summary>
    public FeedBatch Before(RecordedEvent stop) => new(
        Connection, _checkpoint, From, Math.Max(From, stop.Sequence - 1), [.. Events.TakeWhile(recorded => recorded.Sequence < stop.Sequence)], _erasing);

    /// <summary>Moves the checkpoint behind this batch; fails when another reader of the name was here in between.</summary>
    public Task Advance(CancellationToken cancellationToken) =>
        Connection.Execute("select platform.advance($1, $2, $3)", cancellationToken, _checkpoint, From, To);

    /// <summary>Moves the checkpoint in one transaction with rows made of the events; fails when something was erased since they were read.</summary>
    internal NpgsqlBatchCommand AdvancingRows(long from, long to) => new("select platform.advance($1, $2, $3, $4)")
    {
        Parameters = { new() { Value = _checkpoint }, new() { Value = from }, new() { Value = to }, new() { Value = _erasing } },
    };
}

/// <summary>One reader of the feed on a connection of its own, which holds the lock on the reader's name.</summary>
/// <remarks>
/// The order. Sequence numbers are taken before commit, so event 10 can be visible while 9 still is not. Nobody may pass 9 before it
/// is known to be dead. Every transaction that ever called <c>nextval</c> holds a lock on the sequence until it ends, after its
/// commit has become visible. So when there is a gap we note the highest visible number, then, in this order, who holds the
/// sequence. Whoever owns a missing number below took it earlier than the owner of that highest one, so it has either ended or is
/// among those noted. Once none of those is left, a missing number is visible to the next query or will never come. There is no
/// time-out in it, and transactions that append nothing hold nobody back. (A transaction that is prepared for a two-phase commit goes on
/// under another name, so those are always waited for.)
/// Comparing <c>pg_snapshot_xmin</c> with the <c>xmax</c> at the gap, as is often done, trusts that a writer has a transaction id before
/// it calls <c>nextval</c>. Ours has, Marten's append function has not: that rule would lose its events; and there any long transaction in
/// any database of the server stops the feed.
/// </remarks>
internal sealed class FeedReader : IAsyncDisposable
{
    /// <summary>Transactions that took numbers of the sequence and have not ended, by their virtual id.</summary>
    public const string Holders = """
        select virtualtransaction, pid from pg_locks
         where locktype = 'relation' and relation = 'events.mt_events_sequence'::regclass and mode = 'RowExclusiveLock'
           and database = (select oid from pg_database where datname = current_database())
        """;

    private const int BatchSize = 1_000;
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _election = TimeSpan.FromSeconds(1);

    private readonly StreamStore _store;
    private readonly string _name;
    private long _settled;
    private (long Head, string[] Writers)? _noted;

    private FeedReader(StreamStore store, NpgsqlConnection connection, string name) => (_store, Connection, _name) = (store, connection, name);

    public NpgsqlConnection Connection { get; }

    /// <summary>The last event given out.</summary>
    public long Position { get; private set; }

    public static async Task<FeedReader> Open(StreamStore store, string name, CancellationToken cancellationToken)
    {
        var reader = new FeedReader(store, await store.Database.OpenConnectionAsync(cancellationToken), name);
        store.Ear.Join();
        try
        {
            await reader.Begin(cancellationToken);
            return reader;
        }
        catch
        {
            await reader.DisposeAsync();
            throw;
        }
    }

    /// <summary>The next events; waits until there are some.</summary>
    public async Task<FeedBatch> Next(CancellationToken cancellationToken)
    {
        for (var pause = 1; ; pause = Math.Min(2 * pause, 50))
        {
            var rung = _store.Ear.Rung;
            await using var command = Connection.Command($"{EventRow.Select} where seq_id > $1 order by seq_id limit {BatchSize}", Position);
            var rows = await EventRow.ReadAll(command, cancellationToken);
            var ready = rows[..FinalPrefix(rows)];
            if (ready.Count > 0)
            {
                return await Batch(ready, cancellationToken);
            }

            if (rows.Count == 0)
            {
                await rung.WaitAsync(_poll, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
            else if (!await Settle(cancellationToken))
            {
                await Task.Delay(pause, cancellationToken);
            }
        }
    }

    /// <summary>Begins at the first event again.</summary>
    public async Task Rewind(CancellationToken cancellationToken)
    {
        await Connection.Execute("update platform.checkpoints set position = 0 where name = $1", cancellationToken, _name);
        Position = 0;
    }

    public async ValueTask DisposeAsync()
    {
        _store.Ear.Leave();
        try
        {
            await Connection.Execute("reset all; select pg_advisory_unlock_all()", CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The connection is gone, and the lock with it.
        }

        await Connection.DisposeAsync();
    }

    private async Task Begin(CancellationToken cancellationToken)
    {
        // A reader whose machine vanished must not hold its lock for the two hours of the system's default.
        await Connection.Execute(
            "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3",
            cancellationToken);
        // Asked again and again instead of waited for: a waiting statement would hold back vacuum as long as it waits.
        while (!await Connection.Scalar<bool>("select pg_try_advisory_lock(hashtextextended('platform.feed:' || $1, 0))", cancellationToken, _name))
        {
            await Task.Delay(_election, cancellationToken);
        }

        await Connection.Execute(
            "insert into platform.checkpoints (name, position) values ($1, 0) on conflict do nothing", cancellationToken, _name);
        Position = await Connection.Scalar<long>("select position from platform.checkpoints where name = $1", cancellationToken, _name);
    }

    /// <summary>How many of these rows nothing can come before any more.</summary>
    private int FinalPrefix(List<EventRow> rows)
    {
        var (count, last) = (0, Position);
        while (count < rows.Count && (rows[count].Sequence == last + 1 || rows[count].Sequence <= _settled))
        {
            last = rows[count++].Sequence;
        }

        return count;
    }

    /// <summary>Whether the fate of every number up to the highest that was visible at the gap is decided.</summary>
    private async Task<bool> Settle(CancellationToken cancellationToken)
    {
        var head = _noted?.Head ?? await Connection.Scalar<long>(EventFeed.Head, cancellationToken); // first the number, then who holds
        var writers = await Connection.Scalar<string[]>(
            $"""
            select coalesce(array_agg(distinct virtualtransaction), array[]::text[]) from ({Holders}) as holders
             where $1::text[] is null or virtualtransaction = any($1) or virtualtransaction like '-1/%' -- prepared
            """,
            cancellationToken,
            [_noted is { } noted ? noted.Writers : DBNull.Value]);
        _noted = writers.Length > 0 ? (head, writers) : null;
        _settled = writers.Length > 0 ? _settled : head;
        return writers.Length == 0;
    }

    private async Task<FeedBatch> Batch(List<EventRow> ready, CancellationToken cancellationToken)
    {
        List<RecordedEvent> events;
        try
        {
            events = await EventRow.Open(ready.FindAll(row => !row.IsTombstone), Connection, _store.Catalog, cancellationToken);
        }
        catch (UnreadableEventException e) when (ready[0].Sequence < e.Sequence)
        {
            return await Batch(ready.FindAll(row => row.Sequence < e.Sequence), cancellationToken);
        }

        var (from, to) = (Position, ready[^1].Sequence);
        Position = to;
        return new FeedBatch(Connection, _name, from, to, events, ready[0].Erasing);
    }
}

/// <summary>Wakes readers after an append. Not part of the append: a transaction that notifies commits alone, one after another.</summary>
internal sealed class FeedBell(NpgsqlDataSource database)
{
    // A ring needs no disk: who loses one looks by himself soon.
    private const string Bell = "select set_config('synchronous_commit', 'off', true), pg_notify('platform_events', '')";
    private static readonly TimeSpan _rest = TimeSpan.FromMilliseconds(5);
    private int _rings;

    /// <summary>Notifies now, or once more after the rest when it is already ringing.</summary>
    public void Ring()
    {
        if (Interlocked.Increment(ref _rings) == 1)
        {
            _ = Notify();
        }
    }

    private async Task Notify()
    {
        int heard;
        do
        {
            heard = Volatile.Read(ref _rings);
            try
            {
                await using var command = database.CreateCommand(Bell);
                await command.ExecuteNonQueryAsync();
            }
            catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
            {
                // Readers look by themselves four times a second; a lost ring costs only that.
            }

            await Task.Delay(_rest);
        }
        while (Interlocked.CompareExchange(ref _rings, 0, heard) != heard);
    }
}
