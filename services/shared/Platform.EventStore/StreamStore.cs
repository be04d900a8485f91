using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Platform.EventStore;

/// <summary>The event streams of one service. Gives out sessions; a session belongs to one tenant.</summary>
/// <param name="database">The service's own database.</param>
/// <param name="catalog">Its events.</param>
/// <param name="clock">Gives the recorded time.</param>
/// <param name="clockState">What is known of the clock's synchronisation at this moment, recorded with each event; null when nothing is.</param>
public sealed class StreamStore(
    NpgsqlDataSource database, EventCatalog catalog, TimeProvider clock, Func<string?>? clockState = null)
{
    private readonly FeedBell _bell = new(database);

    /// <summary>Tells readers of the feed that there is something new.</summary>
    internal FeedEar Ear { get; } = new(database);

    internal NpgsqlDataSource Database => database;

    /// <summary>Names under which this process reads the feed.</summary>
    internal ConcurrentDictionary<string, byte> Readers { get; } = [];

    internal EventCatalog Catalog => catalog;

    internal TimeProvider Clock => clock;

    /// <summary>
    /// Settings of the connections that the store is fast with: sessions are not reset between uses (nothing here leaves state behind;
    /// code beside the store must not either), and a peer that vanished is noticed.
    /// </summary>
    public static void Tune(NpgsqlConnectionStringBuilder settings)
    {
        settings.NoResetOnClose = true;
        settings.Enlist = false;
        settings.TcpKeepAlive = true;
        settings.TcpKeepAliveTime = 10;
        settings.TcpKeepAliveInterval = 5;
    }

    /// <summary>A session that can name the streams of this tenant and of nobody else.</summary>
    public TenantSession Tenant(TenantId tenant) => new(this, tenant);

    /// <summary>Whether the master key is the one that the data keys in the database were wrapped with; true while there are none.</summary>
    public async Task<bool> OpensItsKeys(CancellationToken cancellationToken)
    {
        await using var newest = database.CreateCommand(
            "select tenant_id, scope, wrapped from platform.keys where wrapped is not null order by created_at desc limit 1");
        await using var rows = await newest.ExecuteReaderAsync(cancellationToken);
        return !await rows.ReadAsync(cancellationToken)
            || catalog.NewKeys().Opens(rows.GetString(0), rows.GetString(1), rows.GetFieldValue<byte[]>(2));
    }

    internal string? ClockState() => clockState?.Invoke();

    /// <summary>Readers of the feed may have something to do.</summary>
    internal void Ring() => _bell.Ring();
}

/// <summary>Reads and appends streams of one tenant. No member takes another tenant or a whole stream id.</summary>
public sealed partial class TenantSession
{
    private const int Attempts = 20;
    private const string InboxKey = "inbox_pkey";
    private readonly StreamStore _store;
    private readonly string _tenant;

    internal TenantSession(StreamStore store, TenantId tenant) => (_store, Tenant, _tenant) = (store, tenant, tenant.Value);

    /// <summary>Whose session this is.</summary>
    public TenantId Tenant { get; }

    /// <summary>Loads, folds, decides and appends with the version that was read; decides again when someone was faster (bounded).</summary>
    /// <param name="stream">Kind of stream.</param>
    /// <param name="key">Identity of the stream inside its kind and tenant; no colon.</param>
    /// <param name="decide">The rules; may run several times.</param>
    /// <param name="cause">Why; a cause already recorded in this stream answers <see cref="Decision{TEvent}.Unchanged"/> without deciding.</param>
    /// <param name="cancellationToken">Stops the wait; what was appended stays.</param>
    /// <returns>What was decided; a stream that was erased or archived refuses with <c>stream-closed</c>, U+0000 in a text with <c>text-not-storable</c>.</returns>
    /// <exception cref="StreamContendedException">Someone was faster each time.</exception>
    public async Task<Decision<TEvent>> Handle<TState, TEvent>(
        StreamType<TState, TEvent> stream,
        string key,
        Func<TState, Decision<TEvent>> decide,
        Cause cause,
        CancellationToken cancellationToken)
        where TEvent : class => (await HandleAndLoad(stream, key, decide, cause, cancellationToken)).Decision;

    /// <summary>What <see cref="Handle"/> answers, and the state that the stream is in then, which is read again only where somebody else recorded the cause.</summary>
    public async Task<(Decision<TEvent> Decision, TState State)> HandleAndLoad<TState, TEvent>(
        StreamType<TState, TEvent> stream,
        string key,
        Func<TState, Decision<TEvent>> decide,
        Cause cause,
        CancellationToken cancellationToken)
        where TEvent : class
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (state, version, repeated) = await Fold(stream, key, cause, cancellationToken);
            if (repeated)
            {
                return (Decision<TEvent>.Unchanged, (await Load(stream, key, cancellationToken)).State);
            }

            var decision = decide(state);
            if (decision is not Decision<TEvent>.Accepted { Events: { Count: > 0 } events })
            {
                return (decision, state);
            }

            AppendResult result;
            try
            {
                result = await Append(stream, key, ExpectedVersion.Exactly(version), events, cause, cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UntranslatableCharacter)
            {
                return (
                    new Rejection(RejectionKind.Invalid, "text-not-storable", "A text holds a character that cannot be stored.", "U+0000 is no text; leave it out."),
                    state);
            }

            switch (result.Outcome)
            {
                case AppendOutcome.Appended:
                    return (decision, events.Aggregate(state, stream.Evolve));
                case AppendOutcome.Repeated:
                    return (Decision<TEvent>.Unchanged, (await Load(stream, key, cancellationToken)).State);
                case AppendOutcome.Closed:
                    return (
                        new Rejection(RejectionKind.NotFound, "stream-closed", "The record was erased or archived.", $"{stream.Name} takes no more changes."),
                        state);
            }

            // Someone was faster. Waiting a little longer each time, and each as long as chance has it, lets everybody through.
            await Task.Delay(Random.Shared.Next(1 << Math.Min(attempt, 6)), cancellationToken);
        }

        throw new StreamContendedException(stream.IdFor(key), Attempts);
    }

    /// <summary>Appends events in one round trip, all or none.</summary>
    /// <param name="stream">Kind of stream.</param>
    /// <param name="key">Identity of the stream inside its kind and tenant; no colon.</param>
    /// <param name="expected">What the stream must look like for the events to be true.</param>
    /// <param name="events">What happened, in order; at least one.</param>
    /// <param name="cause">Why; a cause already recorded in this stream answers <see cref="AppendOutcome.Repeated"/>.</param>
    /// <param name="cancellationToken">Stops the wait; the append may have happened: repeat it with the same cause.</param>
    public async Task<AppendResult> Append<TState, TEvent>(
        StreamType<TState, TEvent> stream,
        string key,
        ExpectedVersion expected,
        IReadOnlyList<TEvent> events,
        Cause cause,
        CancellationToken cancellationToken)
        where TEvent : class
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Count);
        var now = _store.Clock.GetUtcNow();
        var id = stream.IdFor(key);
        await using var connection = await _store.Database.OpenConnectionAsync(cancellationToken);
        var keys = _store.Catalog.MaySeal(typeof(TEvent)) ? await KeysFor(connection, events, now, cancellationToken) : null;
        var (ids, names, types, data) =
            (new Guid[events.Count], new string[events.Count], new string[events.Count], new byte[events.Count][]);
        for (var i = 0; i < events.Count; i++)
        {
            var shape = _store.Catalog.ShapeOf(events[i]);
            (ids[i], names[i], types[i]) = (Guid.CreateVersion7(now), shape.Name, shape.DotnetType);
            data[i] = keys is not null && shape.Sealed is { } members
                ? members.Seal(events[i], ids[i], _tenant, keys)
                : JsonSerializer.SerializeToUtf8Bytes(events[i], events[i].GetType(), EventCatalog.Json);
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await Send();
            }
            catch (PostgresException e) when (attempt < Attempts && IsAnotherWriter(e))
            {
                // The same cause is recorded: by another writer at the same moment, or before the version that was asked for. Only a question
                // about any version looks for the cause first; with the version as expected this would be met again and again.
                expected = e.ConstraintName is InboxKey ? ExpectedVersion.Any : expected;
            }
        }

        async Task<AppendResult> Send()
        {
            await using var append = new NpgsqlCommand(
                "select outcome, reached, sequence from platform.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", connection)
            {
                Parameters =
                {
                    Text(_tenant),
                    Text(id),
                    new() { Value = expected.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
                    Text(cause.Id),
                    new() { Value = CorrelationOf(cause) ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                    new() { Value = EventHeaders.Of(cause, _store.ClockState()), NpgsqlDbType = NpgsqlDbType.Jsonb },
                    new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                    new() { Value = ids, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid },
                    new() { Value = names, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                    new() { Value = types, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                    new() { Value = data, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                },
            };
            await append.PrepareAsync(cancellationToken);
            await using var row = await append.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            var result = new AppendResult((AppendOutcome)row.GetInt32(0), row.GetInt64(1), row.IsDBNull(2) ? 0 : row.GetInt64(2));
            Telemetry.Appended(result.Outcome);
            if (result.Outcome is AppendOutcome.Appended)
            {
                _store.Ring();
            }

            return result;
        }
    }

    /// <summary>State and version of a stream; the initial state and version 0 when it has no event.</summary>
    public async Task<(TState State, long Version)> Load<TState, TEvent>(
        StreamType<TState, TEvent> stream, string key, CancellationToken cancellationToken)
        where TEvent : class
    {
        var (state, version, _) = await Fold(stream, key, null, cancellationToken);
        return (state, version);
    }

    /// <summary>The events of a stream with their metadata, oldest first: the audit and change log.</summary>
    public async Task<IReadOnlyList<RecordedEvent>> Read<TState, TEvent>(
        StreamType<TState, TEvent> stream, string key, CancellationToken cancellationToken)
        where TEvent : class
    {
        await using var connection = await _store.Database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.Command(
            $"{EventRow.Select} where tenant_id = $1 and stream_id = $2 order by version", _tenant, stream.IdFor(key));
        var rows = await EventRow.ReadAll(command, cancellationToken);
        return await EventRow.Open(rows, connection, _store.Catalog, cancellationToken);
    }

    /// <summary>Keys of all streams of one kind that this tenant has, in no promised order.</summary>
    public async Task<IReadOnlyList<string>> Keys<TState, TEvent>(
        StreamType<TState, TEvent> stream, CancellationToken cancellationToken)
        where TEvent : class
    {
        await using var command = _store.Database.Command(
            "select id from events.mt_streams where tenant_id = $1 and starts_with(id, $2)", _tenant, stream.IdFor(""));
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var keys = new List<string>();
        while (await rows.ReadAsync(cancellationToken))
        {
            keys.Add(rows.GetString(0)[(stream.Name.Length + 1)..]);
        }

        return keys;
    }

    private async Task<(TState State, long Version, bool Repeated)> Fold<TState, TEvent>(
        StreamType<TState, TEvent> stream, string key, Cause? cause, CancellationToken cancellationToken)
        where TEvent : class
    {
        var (catalog, id) = (_store.Catalog, stream.IdFor(key));
        await using var connection = await _store.Database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        if (cause is not null)
        {
            batch.BatchCommands.Add(new("select 1 from platform.inbox where tenant_id = $1 and stream_id = $2 and cause_id = $3")
            {
                Parameters = { Text(_tenant), Text(id), Text(cause.Id) },
            });
        }

        var keys = catalog.MaySeal(typeof(TEvent)) ? catalog.NewKeys() : null;
        if (keys is not null)
        {
            batch.BatchCommands.Add(new(DataKeys.OfTenants) { Parameters = { new() { Value = new[] { _tenant } } } });
        }

        var events = new NpgsqlBatchCommand { Parameters = { Text(_tenant), Text(id) } };
        var since = "";
        if (stream.SettledBy is { } settling)
        {
            events.Parameters.Add(Text(EventCatalog.NameOf(settling)));
            since = """
                and version >= coalesce(
                    (select version from events.mt_events where tenant_id = $1 and stream_id = $2 and type = $3 order by version desc limit 1), 0)
                """;
        }

        if (stream.About is { } about)
        {
            events.Parameters.Add(new() { Value = about, NpgsqlDbType = NpgsqlDbType.Jsonb });
            since += $"""

                and (data @> ${events.Parameters.Count}
                    or version = (select max(version) from events.mt_events where tenant_id = $1 and stream_id = $2))
                """;
        }

        events.CommandText = $"select version, type, id, data, bdata is null from events.mt_events where tenant_id = $1 and stream_id = $2 {since} order by version";
        batch.BatchCommands.Add(events);
        await batch.PrepareAsync(cancellationToken);
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
        if (cause is not null)
        {
            if (await rows.ReadAsync(cancellationToken))
            {
                return (stream.Initial, 0, true);
            }

            await rows.NextResultAsync(cancellationToken);
        }

        if (keys is not null)
        {
            await keys.Add(rows, cancellationToken);
            await rows.NextResultAsync(cancellationToken);
        }

        var (state, version, areOurs) = (stream.Initial, 0L, true);
        while (await rows.ReadAsync(cancellationToken))
        {
            version = rows.GetInt64(0);
            if (!rows.GetBoolean(4) || !catalog.Knows(rows.GetString(1)))
            {
                areOurs = false;
                continue;
            }

            state = stream.Evolve(
                state,
                (TEvent)catalog.Read(rows.GetString(1), rows.GetFieldValue<byte[]>(3), rows.GetGuid(2), _tenant, keys));
        }

        if (!areOurs)
        {
            await Read(stream, key, cancellationToken); // names what must not be passed over
        }

        return (state, version, false);
    }

    private async Task<DataKeys?> KeysFor<TEvent>(
        NpgsqlConnection connection, IReadOnlyList<TEvent> events, DateTimeOffset now, CancellationToken cancellationToken)
        where TEvent : class
    {
        var scopes = events
            .Select(e => (Event: e, _store.Catalog.ShapeOf(e).Sealed))
            .Where(e => e.Sealed is { } members && members.HasValues(e.Event))
            .Select(e => e.Sealed!.ScopeOf(e.Event))
            .ToHashSet();
        if (scopes.Count == 0)
        {
            return null;
        }

        var keys = _store.Catalog.NewKeys();
        await keys.Provide(connection, _tenant, scopes, now, cancellationToken);
        return keys;
    }

    /// <summary>
    /// Someone wrote the same at the same moment: the same cause, or the same version without the lock on the stream that ours take
    /// first (Marten's function does that; then each may wait for the other until PostgreSQL refuses one). Nothing was stored; to ask
    /// again gives the answer.
    /// </summary>
    private static bool IsAnotherWriter(PostgresException e) => e is
        { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: InboxKey or "pk_mt_events_stream_and_version" }
        or { SqlState: PostgresErrorCodes.DeadlockDetected };

    private static string? CorrelationOf(Cause cause) => cause.CorrelationId ?? Activity.Current?.TraceId.ToHexString();

    private static NpgsqlParameter Text(string value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Varchar };
}
