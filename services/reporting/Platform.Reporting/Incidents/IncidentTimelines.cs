using System.Text.Json;
using Platform.EventStore;
using Platform.Hosting.Erasures;

namespace Platform.Reporting.Incidents;

/// <summary>Read model: the head and the timeline of each incident, what it is spread over, and what is in force against it.</summary>
/// <remarks>
/// An erasure stands in the event order behind every fact that it erased, so its rows are deleted here too: a batch
/// that was read
/// before the streams were gone cannot leave rows behind.
/// </remarks>
internal sealed class IncidentTimelines : IProjection
{
    public const string Checkpoint = "incident_timelines_v2";

    public string Name => Checkpoint;

    public IReadOnlyList<string> Tables => ["incidents", "incident_steps", "incident_countermeasures", "incident_prefixes"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case IncidentOpened e:
                sql.Add($"""
                    insert into views.incidents (tenant_id, incident_id, service_code)
                    values ({recorded.TenantId.Value}, {e.IncidentId}, {e.ServiceCode})
                    on conflict do nothing
                    """);
                break;

            case IncidentStepRecorded e:
                var incidentId = Guid.Parse(recorded.StreamKey);
                if (!e.Late)
                {
                    Head(recorded.TenantId, incidentId, e, sql); // after the report the head stays as the report says
                    InForce(recorded.TenantId, incidentId, e, sql);
                    Prefixes(recorded.TenantId, incidentId, e, sql);
                }

                if (e.Step == IncidentSteps.AnomalyMarkedFalse) // no fact of the attack, so the report says nothing of it, and it counts after that too
                {
                    sql.Add($"""
                        update views.incidents set marked_false_at = coalesce(marked_false_at, {e.HappenedAt})
                        where tenant_id = {recorded.TenantId.Value} and incident_id = {incidentId}
                        """);
                }

                Step(
                    recorded.TenantId,
                    incidentId,
                    e.StepId,
                    e.ServiceCode,
                    e.HappenedAt,
                    e.Step,
                    e.Actor,
                    e.Details,
                    sql);
                break;

            case IncidentReportPublished e:
                sql.Add($"""
                    update views.incidents set reported_at = {e.PublishedAt}, mitigation_result = {e.MitigationResult}
                    where tenant_id = {recorded.TenantId.Value} and incident_id = {e.IncidentId}
                    """);
                Step(
                    recorded.TenantId,
                    e.IncidentId,
                    recorded.Id,
                    e.ServiceCode,
                    e.PublishedAt,
                    IncidentSteps.ReportPublished,
                    "reporting",
                    new Dictionary<string, string> { ["mitigation_result"] = e.MitigationResult },
                    sql);
                break;

            case DataErasureRecorded { DataClasses.Count: > 0 } e:
                sql.Add($"delete from views.incident_prefixes where service_code = {e.ServiceCode}");
                sql.Add($"delete from views.incident_countermeasures where service_code = {e.ServiceCode}");
                sql.Add($"delete from views.incident_steps where service_code = {e.ServiceCode}");
                sql.Add($"delete from views.incidents where service_code = {e.ServiceCode}");
                break;
        }
    }

    private static void Head(TenantId tenant, Guid incidentId, IncidentStepRecorded e, SqlBatch sql)
    {
        DateTimeOffset? detectedAt = e.Step == IncidentSteps.AnomalyDetected ? e.HappenedAt : null;
        DateTimeOffset? endedAt = e.Step == IncidentSteps.AnomalyEnded ? e.HappenedAt : null;
        DateTimeOffset? settledSince = detectedAt is null && endedAt is null ? null : e.HeardAt;
        var isMitigation = !e.Step.StartsWith("anomaly-", StringComparison.Ordinal);
        var vectors = e.Findings.Vectors?.ToArray() ?? [];
        sql.Add($"""
            update views.incidents set
                target = coalesce(target, {e.Findings.Target}),
                vectors = array(select distinct vector from unnest(vectors || {vectors}) as vector order by vector),
                peak_bits_per_second = greatest(peak_bits_per_second, {e.Findings.PeakBitsPerSecond}),
                peak_packets_per_second = greatest(peak_packets_per_second, {e.Findings.PeakPacketsPerSecond}),
                detected_at = coalesce(detected_at, {detectedAt}),
                ended_at = coalesce(ended_at, {endedAt}),
                settled_since = greatest(settled_since, {settledSince}),
                has_mitigation = has_mitigation or {isMitigation},
                has_started = has_started or {e.Step == IncidentSteps.MitigationStarted},
                has_failed = has_failed or {e.Step == IncidentSteps.MitigationFailed}
            where tenant_id = {tenant.Value} and incident_id = {incidentId}
            """);
    }

    /// <summary>The latest word on each counts, by the time at which it happened: what was withdrawn may be announced again.</summary>
    private static void InForce(TenantId tenant, Guid incidentId, IncidentStepRecorded e, SqlBatch sql)
    {
        if ((e.Findings.InForce ?? e.Findings.Gone) is not { } countermeasure)
        {
            return;
        }

        DateTimeOffset? announcedAt = e.Findings.InForce is null ? null : e.HappenedAt;
        DateTimeOffset? withdrawnAt = e.Findings.Gone is null ? null : e.HappenedAt;
        sql.Add($"""
            insert into views.incident_countermeasures as known
                (tenant_id, incident_id, countermeasure_id, service_code, announced_at, withdrawn_at)
            values ({tenant.Value}, {incidentId}, {countermeasure}, {e.ServiceCode}, {announcedAt}, {withdrawnAt})
            on conflict (tenant_id, incident_id, countermeasure_id) do update
            set announced_at = greatest(known.announced_at, excluded.announced_at), withdrawn_at = greatest(known.withdrawn_at, excluded.withdrawn_at)
            """);
    }

    /// <summary>A list names all that were named before it, so of each the latest word counts, by the time at which it was told.</summary>
    private static void Prefixes(TenantId tenant, Guid incidentId, IncidentStepRecorded e, SqlBatch sql)
    {
        if (e.Findings.Prefixes is not { } told)
        {
            return;
        }

        sql.Add($"""
            insert into views.incident_prefixes as known
                (tenant_id, incident_id, prefix, service_code, share, peak_share, since, told_at)
            select {tenant.Value}, {incidentId}, prefix::cidr, {e.ServiceCode}, share, share, {e.HappenedAt}, {e.HappenedAt}
            from unnest({told.Select(one => one.Prefix).ToArray()}, {told.Select(one => one.Share).ToArray()}) as told (prefix, share)
            on conflict (tenant_id, incident_id, prefix) do update set
                share = case when excluded.told_at >= known.told_at then excluded.share else known.share end,
                peak_share = greatest(known.peak_share, excluded.peak_share),
                since = least(known.since, excluded.since),
                told_at = greatest(known.told_at, excluded.told_at)
            """);
    }

    private static void Step(
        TenantId tenant,
        Guid incidentId,
        Guid stepId,
        string serviceCode,
        DateTimeOffset happenedAt,
        string step,
        string actor,
        IReadOnlyDictionary<string, string> details,
        SqlBatch sql) =>
        sql.Add($"""
            insert into views.incident_steps
                (tenant_id, incident_id, step_id, service_code, happened_at, step, actor, details)
            values ({tenant.Value}, {incidentId}, {stepId}, {serviceCode}, {happenedAt}, {step}, {actor},
                {JsonSerializer.Serialize(details)}::jsonb)
            on conflict do nothing
            """);
}
