using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Query: every open anomaly with its pulse.</summary>
internal static class OpenAnomalies
{
    public static async Task<IReadOnlyList<OpenAnomaly>> Read(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select a.tenant_id, a.anomaly_id, a.object_id, a.service_code, a.target, coalesce(p.beat, 0),
                coalesce(p.until, a.since + interval '1 second'),
                greatest(a.peak_bits_per_second, p.peak_bits_per_second),
                greatest(a.peak_packets_per_second, p.peak_packets_per_second),
                coalesce(o.retired_at is not null, false), coalesce(p.quiet_for, interval '0'),
                a.level, a.direction, a.vectors, a.peak_bits_per_second, a.peak_packets_per_second, a.detected_at, coalesce(a.severity, 0::smallint), a.pulses, p.memory,
                coalesce(cardinality(o.prefixes) = 0, false) -- what is removed gives all back first
            from views.anomalies_v1 a
            left join views.pulses_v1 p using (anomaly_id)
            left join views.protected_objects_v1 o using (tenant_id, object_id)
            where a.ended_at is null
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var open = new List<OpenAnomaly>();
        while (await reader.ReadAsync(cancellation))
        {
            open.Add(new OpenAnomaly(
                reader.GetGuid(0),
                StateOf(reader),
                reader.GetInt64(5),
                reader.GetFieldValue<DateTimeOffset>(6),
                reader.GetInt64(7),
                reader.GetInt64(8),
                reader.GetBoolean(9) ? reader.GetBoolean(20) ? EndReason.ObjectRemoved : EndReason.ContractEnded : null,
                reader.GetTimeSpan(10),
                reader.IsDBNull(19) ? null : JsonSerializer.Deserialize<EpisodeMemory>(reader.GetString(19))));
        }

        return open;
    }

    /// <summary>What the target's stream says, as far as judging asks; the stream has the last word.</summary>
    private static AnomalyState StateOf(NpgsqlDataReader reader) => AnomalyState.Quiet with
    {
        Open = new AnomalySubject(
            reader.GetGuid(1),
            reader.GetGuid(2),
            reader.GetString(3),
            reader.GetFieldValue<IPNetwork>(4),
            (WatchLevel)reader.GetInt16(11),
            (TrafficDirection)reader.GetInt16(12)),
        Vectors = [.. reader.GetFieldValue<string[]>(13).Select(TrafficNames.FindVector).OfType<TrafficVector>()],
        PeakBitsPerSecond = reader.GetInt64(14),
        PeakPacketsPerSecond = reader.GetInt64(15),
        DetectedAt = reader.GetFieldValue<DateTimeOffset>(16),
        Severity = (Severity)reader.GetInt16(17),
        Pulses = reader.GetInt32(18),
    };
}

/// <param name="State">Of the target; the anomaly is its open one.</param>
/// <param name="Beat">Grows while somebody sees traffic near a threshold.</param>
/// <param name="Until">End of the last second near a threshold (UTC).</param>
/// <param name="PeakBitsPerSecond">Greatest rate that was measured.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate that was measured.</param>
/// <param name="Unwatched">Why its object is no longer watched; null: it is.</param>
/// <param name="QuietFor">How long its judge waits for the next pulse.</param>
/// <param name="Memory">What its judge remembers; null when it has not said so yet.</param>
internal sealed record OpenAnomaly(
    Guid TenantId,
    AnomalyState State,
    long Beat,
    DateTimeOffset Until,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    EndReason? Unwatched,
    TimeSpan QuietFor,
    EpisodeMemory? Memory)
{
    public AnomalySubject Subject => State.Open!;
}
