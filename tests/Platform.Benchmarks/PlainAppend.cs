using System.Diagnostics;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Platform.EventStore;

namespace Platform.Benchmarks;

/// <summary>The least that an append to these tables can be: no session, no cause, no chain, no check on the client.</summary>
internal static class PlainAppend
{
    private const string Function = """
        create or replace function events.plain_append(
            p_tenant varchar, p_stream varchar, p_ids uuid[], p_types varchar[], p_dotnet_types varchar[], p_data jsonb[]) returns bigint
        language plpgsql as $$
        declare
            reached bigint;
        begin
            select version into reached from events.mt_streams where tenant_id = p_tenant and id = p_stream;
            if reached is null then
                reached := 0;
                insert into events.mt_streams (tenant_id, id, version, timestamp) values (p_tenant, p_stream, 0, now());
            end if;
            for i in 1..cardinality(p_ids) loop
                reached := reached + 1;
                insert into events.mt_events (seq_id, id, stream_id, version, data, type, tenant_id, timestamp, mt_dotnet_type)
                values (nextval('events.mt_events_sequence'), p_ids[i], p_stream, reached, p_data[i], p_types[i], p_tenant, now(), p_dotnet_types[i]);
            end loop;
            update events.mt_streams set version = reached, timestamp = now() where tenant_id = p_tenant and id = p_stream;
            return reached;
        end
        $$
        """;

    /// <summary>Events per second.</summary>
    public static async Task<double> Run(NpgsqlDataSource database, int perAppend, int clients, TimeSpan time)
    {
        await using (var create = database.CreateCommand(Function))
        {
            await create.ExecuteNonQueryAsync();
        }

        var (since, appended) = (Stopwatch.StartNew(), 0L);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            await using var connection = await database.OpenConnectionAsync();
            await using var command = new NpgsqlCommand("select events.plain_append($1, $2, $3, $4, $5, $6)", connection);
            command.Parameters.Add(new() { Value = "plain", NpgsqlDbType = NpgsqlDbType.Varchar });
            command.Parameters.Add(new() { Value = "", NpgsqlDbType = NpgsqlDbType.Varchar });
            command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid });
            command.Parameters.Add(new()
            {
                Value = Enumerable.Repeat("measurement_taken", perAppend).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
            });
            command.Parameters.Add(new()
            {
                Value = Enumerable.Repeat("Platform.Benchmarks.MeasurementTaken, Platform.Benchmarks", perAppend).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
            });
            command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
            for (var append = 0; since.Elapsed < time; append++)
            {
                command.Parameters[1].Value = $"plain-{perAppend}-{clients}-{client}-{append * perAppend / 100}";
                command.Parameters[2].Value =
                    Enumerable.Range(0, perAppend).Select(_ => Guid.CreateVersion7(TimeProvider.System.GetUtcNow())).ToArray();
                command.Parameters[5].Value = EventStoreBenchmark.Events(perAppend)
                    .Select(e => JsonSerializer.SerializeToUtf8Bytes(e, e.GetType(), EventCatalog.Json)).ToArray();
                await command.PrepareAsync();
                await command.ExecuteScalarAsync();
                Interlocked.Add(ref appended, perAppend);
            }
        })));
        return appended / since.Elapsed.TotalSeconds;
    }
}
