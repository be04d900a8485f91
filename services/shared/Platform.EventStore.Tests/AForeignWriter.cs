using Npgsql;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>
/// Someone else on the same tables: Marten, statement by statement as it appends (quick mode, string ids, conjoined tenancy, metadata on),
/// with its function for a stream at whatever version, and its statements for a version that is expected. It knows nothing of ours.
/// </summary>
internal sealed class AForeignWriter : IAsyncDisposable
{
    /// <summary>
    /// What makes it dangerous: it reads the version without a lock, takes a number before it writes anything (so for a moment
    /// with no transaction id), inserts each event by itself, and moves the stream's version last.
    /// </summary>
    private const string Function = """
        create or replace function events.mt_quick_append_events(
            stream varchar, stream_type varchar, tenantid varchar, event_ids uuid[], event_types varchar[], dotnet_types varchar[],
            bodies jsonb[], bdatas bytea[], causation_ids varchar[], correlation_ids varchar[], headers jsonb[]) returns int[]
        language plpgsql as $$
        declare
            reached int;
            archived boolean;
            seq int;
            answer int[];
        begin
            select version, is_archived into reached, archived from events.mt_streams where id = stream and tenant_id = tenantid;
            if reached is null then
                reached := 0;
                insert into events.mt_streams (id, type, version, timestamp, tenant_id) values (stream, stream_type, 0, now(), tenantid);
            elsif archived then
                raise exception 'Attempted to append event to archived stream with Id ''%''.', stream using errcode = 'MT001';
            end if;
            answer := array[reached + cardinality(event_ids)];
            for i in 1..cardinality(event_ids) loop
                seq := nextval('events.mt_events_sequence');
                answer := answer || seq;
                reached := reached + 1;
                insert into events.mt_events (seq_id, id, stream_id, version, data, bdata, type, tenant_id, timestamp, mt_dotnet_type,
                    is_archived, causation_id, correlation_id, headers)
                values (seq, event_ids[i], stream, reached, bodies[i], bdatas[i], event_types[i], tenantid, now() at time zone 'utc',
                    dotnet_types[i], false, causation_ids[i], correlation_ids[i], headers[i]);
            end loop;
            update events.mt_streams set version = reached, timestamp = now() where id = stream and tenant_id = tenantid;
            return answer;
        end
        $$
        """;

    private readonly NpgsqlConnection _connection;
    private NpgsqlTransaction _transaction;
    private readonly string _stream;
    private readonly string _tenant;

    private AForeignWriter(NpgsqlConnection connection, NpgsqlTransaction transaction, string stream, string tenant) =>
        (_connection, _transaction, _stream, _tenant) = (connection, transaction, stream, tenant);

    /// <summary>Server process of the connection, for whoever wants to kill it.</summary>
    public int ProcessId => _connection.ProcessID;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>What Marten does when it opens a database.</summary>
    public static Task Install(AStore store) => store.Execute(Function);

    public static async Task<AForeignWriter> Begin(AStore store, string key, TenantId? tenant = null)
    {
        var connection = await store.Database.OpenConnectionAsync(Token);
        return new(connection, await connection.BeginTransactionAsync(Token), $"tally:{key}", (tenant ?? Acme).Value);
    }

    /// <summary>One call in 32 logs the sequence and gets an id for that.</summary>
    /// <returns>Whether the transaction has no id although it has a number.</returns>
    public async Task<bool> TakeNumberBeforeAnythingElse()
    {
        await Execute("select nextval('events.mt_events_sequence')");
        await using var command = new NpgsqlCommand("select pg_current_xact_id_if_assigned() is null", _connection, _transaction);
        return (bool)(await command.ExecuteScalarAsync(Token))!;
    }

    /// <summary>Appends counts of 1 with the function; without headers, with JSON null as headers, and with some of a user's.</summary>
    public Task Append(int count = 1) => Execute(
        $$"""
        select events.mt_quick_append_events('{{_stream}}', null, '{{_tenant}}', array_agg(gen_random_uuid()), array_agg('tally_counted'::varchar),
            array_agg('Platform.EventStore.Tests.TallyCounted, Platform.EventStore.Tests'::varchar), array_agg('{"By": 1}'::jsonb), array_agg(null::bytea),
            array_agg(null::varchar), array_agg('correlation'::varchar),
            array_agg((array[null, 'null', '{"user": "somebody", "retries": 3}']::jsonb[])[1 + i % 3]))
          from generate_series(1, {{count}}) as i
        """);

    /// <summary>Appends one event for the number taken before.</summary>
    public Task AppendWithNumberTaken() => Execute(
        $$"""
        insert into events.mt_streams (tenant_id, id, version) values ('{{_tenant}}', '{{_stream}}', 0) on conflict do nothing;
        {{Insert("currval", "(select version + 1 from events.mt_streams where tenant_id = '" + _tenant + "' and id = '" + _stream + "')")}};
        update events.mt_streams set version = version + 1 where tenant_id = '{{_tenant}}' and id = '{{_stream}}';
        """);

    /// <summary>Inserts one event at a version, as Marten does where it expects one; <see cref="MoveVersion"/> belongs to it.</summary>
    public Task Insert(long version) => Execute(Insert("nextval", $"{version}"));

    /// <summary>Moves the stream from a version to the next one.</summary>
    /// <returns>Whether it was at that version.</returns>
    public async Task<bool> MoveVersion(long from)
    {
        await using var update = new NpgsqlCommand(
            $"update events.mt_streams set version = {from + 1} where id = '{_stream}' and version = {from} and tenant_id = '{_tenant}'",
            _connection,
            _transaction);
        return await update.ExecuteNonQueryAsync(Token) == 1;
    }

    /// <summary>Archives the stream with its events.</summary>
    public Task Archive() => Execute(
        $"""
        update events.mt_streams set is_archived = true where id = '{_stream}' and tenant_id = '{_tenant}';
        update events.mt_events set is_archived = true where stream_id = '{_stream}' and tenant_id = '{_tenant}';
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

    private string Insert(string number, string version) =>
        $$"""
        insert into events.mt_events (data, type, mt_dotnet_type, seq_id, id, stream_id, version, timestamp, tenant_id)
        values ('{"By": 1}', 'tally_counted', 'Platform.EventStore.Tests.TallyCounted, Platform.EventStore.Tests', {{number}}('events.mt_events_sequence'),
            gen_random_uuid(), '{{_stream}}', {{version}}, now(), '{{_tenant}}')
        """;
}
