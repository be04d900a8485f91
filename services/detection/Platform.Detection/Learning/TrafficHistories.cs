using Npgsql;
using Platform.Detection.Windows;

namespace Platform.Detection.Learning;

/// <summary>The minutes of every object in the database, for as long as re-learning may look back. Measurements, no events.</summary>
internal sealed class TrafficHistories(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>How far back a re-learning may look.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(63);

    /// <summary>Saves what the judges saw, and drops what is too old. Only of objects that are still watched: what was erased stays erased.</summary>
    public async Task Save(IEnumerable<WindowJudge> judges, CancellationToken cancellation)
    {
        foreach (var (judge, watched, chunks) in judges.SelectMany(judge => judge.Histories().Select(history => (judge, history.Object, history.Chunks))))
        {
            await using var command = database.CreateCommand(
                """
                insert into views.traffic_history_v1 (tenant_id, object_id, service_code, started_at, content)
                select $1, $2, $3, started_at, content from unnest($4, $5) chunk (started_at, content)
                where exists (select from views.protected_objects_v1 where tenant_id = $1 and object_id = $2 and retired_at is null)
                on conflict (object_id, started_at) do update set content = excluded.content
                """);
            command.Parameters.Add(new() { Value = watched.TenantId });
            command.Parameters.Add(new() { Value = watched.ObjectId });
            command.Parameters.Add(new() { Value = watched.ServiceCode });
            command.Parameters.Add(new() { Value = chunks.Select(chunk => DateTimeOffset.FromUnixTimeSeconds(chunk.FirstMinute * 60)).ToArray() });
            command.Parameters.Add(new() { Value = chunks.Select(chunk => chunk.Write()).ToArray() });
            await command.ExecuteNonQueryAsync(cancellation);
            judge.HistorySaved(watched.ObjectId, chunks);
        }

        await using var old = database.CreateCommand("delete from views.traffic_history_v1 where started_at < $1");
        old.Parameters.Add(new() { Value = clock.GetUtcNow() - Kept });
        await old.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>The hours of an object from a time on, oldest first.</summary>
    public async Task<IReadOnlyList<HistoryChunk>> Read(Guid tenantId, Guid objectId, DateTimeOffset from, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select started_at, content from views.traffic_history_v1
            where tenant_id = $1 and object_id = $2 and started_at > $3 order by started_at
            """);
        command.Parameters.Add(new() { Value = tenantId });
        command.Parameters.Add(new() { Value = objectId });
        command.Parameters.Add(new() { Value = from - TimeSpan.FromHours(1) });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var chunks = new List<HistoryChunk>();
        while (await reader.ReadAsync(cancellation))
        {
            chunks.Add(HistoryChunk.Read(reader.GetFieldValue<DateTimeOffset>(0).ToUnixTimeSeconds() / 60, reader.GetFieldValue<byte[]>(1)));
        }

        return chunks;
    }
}
