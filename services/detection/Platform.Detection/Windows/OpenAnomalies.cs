using System.Net;
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
                a.level, a.direction
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
                new AnomalySubject(
                    reader.GetGuid(1),
                    reader.GetGuid(2),
                    reader.GetString(3),
                    reader.GetFieldValue<IPNetwork>(4),
                    (WatchLevel)reader.GetInt16(11),
                    (TrafficDirection)reader.GetInt16(12)),
                reader.GetInt64(5),
                reader.GetFieldValue<DateTimeOffset>(6),
                reader.GetInt64(7),
                reader.GetInt64(8),
                reader.GetBoolean(9),
                reader.GetTimeSpan(10)));
        }

        return open;
    }
}

/// <param name="Beat">Grows while somebody sees traffic near a threshold.</param>
/// <param name="QuietFor">How long its judge waits for the next pulse.</param>
internal sealed record OpenAnomaly(
    Guid TenantId,
    AnomalySubject Subject,
    long Beat,
    DateTimeOffset Until,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    bool IsObjectRetired,
    TimeSpan QuietFor);
