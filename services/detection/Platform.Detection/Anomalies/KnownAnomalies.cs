using System.Text.Json;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>Read model: one row per anomaly, and one per prefix that it is spread over.</summary>
/// <remarks>Lags the stream by the projection's delay. To rebuild: bump the version and deploy.</remarks>
internal sealed class KnownAnomalies : IProjection
{
    public string Name => "known_anomalies_v1";

    public IReadOnlyList<string> Tables => ["anomalies_v1", "anomaly_prefixes_v1"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case AnomalyDetected e:
                sql.Add($"""
                    insert into views.anomalies_v1 (tenant_id, anomaly_id, object_id, service_code, target, vectors,
                        peak_bits_per_second, peak_packets_per_second, since, detected_at, level, direction,
                        severity, explanation)
                    values ({recorded.TenantId.ToGuid()}, {e.Subject.AnomalyId}, {e.Subject.ObjectId}, {e.Subject.ServiceCode},
                        {e.Subject.Target}, {Names(e.Vectors)}, {e.BitsPerSecond}, {e.PacketsPerSecond}, {e.Since}, {e.DetectedAt},
                        {(short)e.Subject.Level}, {(short)e.Subject.Direction}, {(short)e.Severity}, {Json(e.Explanation)})
                    on conflict do nothing
                    """);
                Prefixes(recorded.TenantId, e.Subject, e.Prefixes, e.DetectedAt, sql);
                break;

            case AnomalyChanged e:
                sql.Add($"""
                    update views.anomalies_v1
                    set vectors = (select array_agg(distinct vector) from unnest(vectors || {Names(e.Vectors)}) vector),
                        peak_bits_per_second = {e.PeakBitsPerSecond}, peak_packets_per_second = {e.PeakPacketsPerSecond},
                        severity = {(short)e.Severity}, pulses = {e.Pulses}, explanation = coalesce({Json(e.Explanation)}, explanation)
                    where tenant_id = {recorded.TenantId.ToGuid()} and anomaly_id = {e.Subject.AnomalyId}
                    """);
                Prefixes(recorded.TenantId, e.Subject, e.Prefixes, e.ChangedAt, sql);
                break;

            case AnomalyEnded e:
                sql.Add($"""
                    update views.anomalies_v1
                    set ended_at = {e.EndedAt},
                        peak_bits_per_second = {e.PeakBitsPerSecond}, peak_packets_per_second = {e.PeakPacketsPerSecond},
                        severity = {(short)e.Severity}, pulses = {e.Pulses}
                    where tenant_id = {recorded.TenantId.ToGuid()} and anomaly_id = {e.Subject.AnomalyId}
                    """);
                sql.Add($"delete from views.pulses_v1 where anomaly_id = {e.Subject.AnomalyId}");
                break;

            case AnomalyMarkedFalse e:
                sql.Add($"""
                    update views.anomalies_v1
                    set marked_false_at = {e.MarkedAt}, marked_false_by = {e.MarkedBy}, marked_false_reason = {e.Reason},
                        proposal = {JsonSerializer.Serialize(e.Proposal)}
                    where tenant_id = {recorded.TenantId.ToGuid()} and anomaly_id = {e.AnomalyId}
                    """);
                break;
        }
    }

    /// <summary>Of an anomaly that was recognised by its target alone, that one did not join later.</summary>
    private static void Prefixes(TenantId tenant, AnomalySubject subject, IReadOnlyList<PrefixShare>? told, DateTimeOffset at, SqlBatch sql)
    {
        if (told is null)
        {
            return;
        }

        sql.Add($"""
            insert into views.anomaly_prefixes_v1 as known (tenant_id, anomaly_id, prefix, service_code, share, peak_share, since)
            select tenant_id, anomaly_id, prefix, service_code, share, share,
                case when prefix && target and not exists (select from views.anomaly_prefixes_v1 one
                        where one.tenant_id = anomaly.tenant_id and one.anomaly_id = anomaly.anomaly_id)
                    then detected_at else {at} end
            from views.anomalies_v1 anomaly, unnest({told.Select(one => one.Prefix).ToArray()}, {told.Select(one => one.Part).ToArray()}) as told (prefix, share)
            where tenant_id = {tenant.ToGuid()} and anomaly_id = {subject.AnomalyId}
            on conflict (tenant_id, anomaly_id, prefix) do update set share = excluded.share, peak_share = greatest(known.peak_share, excluded.peak_share)
            """);
    }

    private static string? Json(Explanation? explanation) => explanation is null ? null : JsonSerializer.Serialize(explanation);

    private static string[] Names(IEnumerable<VectorMeasurement> vectors) => [.. vectors.Select(vector => vector.Vector.Name())];
}
