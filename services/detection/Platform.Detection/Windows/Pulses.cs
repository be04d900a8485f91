using System.Text.Json;
using Dapper;
using Npgsql;
using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>Signs of life of open anomalies, in a table that every process sees.</summary>
internal static class Pulses
{
    /// <summary>Writes the beats of what this process judges; gives back which of these anomalies have ended meanwhile.</summary>
    public static async Task<IReadOnlySet<Guid>> Write(
        NpgsqlDataSource database, IReadOnlyList<Pulse> pulses, CancellationToken cancellation)
    {
        pulses = [.. pulses.GroupBy(pulse => pulse.AnomalyId).Select(same => same.MaxBy(pulse => pulse.Beat)!)]; // a row is written once
        await using var command = database.CreateCommand(
            """
            with ended as (
                select anomaly_id from unnest($8, $1) mine (tenant_id, anomaly_id)
                join views.anomalies_v1 using (tenant_id, anomaly_id) -- its index has the tenant first
                where ended_at is not null
            ), written as (
                insert into views.pulses_v1 as pulse (anomaly_id, beat, until, peak_bits_per_second, peak_packets_per_second, quiet_for, memory)
                select * from unnest($1, $2, $3, $4, $5, $6, $7) mine (anomaly_id, beat, until, bits, packets, quiet_for, memory)
                where anomaly_id not in (select anomaly_id from ended)
                on conflict (anomaly_id) do update
                set beat = excluded.beat, until = excluded.until, quiet_for = excluded.quiet_for, memory = excluded.memory,
                    peak_bits_per_second = greatest(pulse.peak_bits_per_second, excluded.peak_bits_per_second),
                    peak_packets_per_second = greatest(pulse.peak_packets_per_second, excluded.peak_packets_per_second)
                where excluded.beat > pulse.beat
            )
            select anomaly_id from ended
            """);
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.AnomalyId).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.Beat).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.Until).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.PeakBitsPerSecond).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.PeakPacketsPerSecond).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.QuietFor).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => JsonSerializer.Serialize(pulse.Memory)).ToArray() });
        command.Parameters.Add(new() { Value = pulses.Select(pulse => pulse.TenantId).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var ended = new HashSet<Guid>();
        while (await reader.ReadAsync(cancellation))
        {
            ended.Add(reader.GetGuid(0));
        }

        return ended;
    }

    /// <summary>Of each vector of an open anomaly the most that its judge has measured; null when it is not open, or its judge has not said so yet.</summary>
    public static async Task<IReadOnlyList<VectorMeasurement>?> MostOf(NpgsqlDataSource database, Guid anomalyId, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var memory = await connection.ExecuteScalarAsync<string?>("select memory from views.pulses_v1 where anomaly_id = @anomalyId", new { anomalyId });
        return memory is null ? null : JsonSerializer.Deserialize<EpisodeMemory>(memory)!.Most;
    }

    /// <summary>Whether another process has seen this anomaly near its threshold later than we did.</summary>
    public static async Task<bool> BeatsElsewhere(
        NpgsqlDataSource database, Guid anomalyId, long beat, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.ExecuteScalarAsync<bool>(
            "select exists (select from views.pulses_v1 where anomaly_id = @anomalyId and beat > @beat)", new { anomalyId, beat });
    }
}
