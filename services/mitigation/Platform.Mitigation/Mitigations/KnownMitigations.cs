using System.Net;
using System.Text.Json;
using Platform.EventStore;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Read model: one row per mitigation and one per countermeasure. Lists are answered from it, and it is what the network is held against.
/// </summary>
/// <remarks>
/// Each change of what the network shall hold also notifies <see cref="Channel"/>, in the same transaction: whoever listens reads a view
/// that already has the change. To rebuild: bump the version and deploy.
/// </remarks>
internal sealed class KnownMitigations : IProjection
{
    public const string Channel = "countermeasures_v1";

    public string Name => "known_mitigations_v1";

    public IReadOnlyList<string> Tables => ["mitigations_v1", "countermeasures_v1"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case MitigationStarted e:
                sql.Add($"""
                    insert into views.mitigations_v1 as known
                        (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, expires_at, mode, step, step_since,
                        before_bits_per_second, object_id, evidence, order_id, sequence)
                    values ({recorded.TenantId.ToGuid()}, {e.MitigationId}, {e.AnomalyId}, {e.ServiceCode},
                        {e.Target.ToString()}, {e.StartedAt}, {e.ExpiresAt}, {(short)e.Mode}, {e.Step}, {e.StartedAt},
                        {EffectRules.Before(e.Evidence ?? []).All}, {e.ObjectId},
                        {JsonSerializer.Serialize(e.Evidence ?? [], EventCatalog.Json)}::jsonb, {e.OrderId}, {recorded.Sequence})
                    on conflict (tenant_id, mitigation_id) do update
                    set target = excluded.target, started_at = excluded.started_at, expires_at = excluded.expires_at, mode = excluded.mode,
                        step = excluded.step, step_since = excluded.step_since, before_bits_per_second = excluded.before_bits_per_second,
                        object_id = excluded.object_id, evidence = excluded.evidence, order_id = excluded.order_id, sequence = excluded.sequence,
                        ended_at = null, failure = null, withdrawal_requested_at = null, withdrawn_for = null, unanswered_for = null
                    """);
                // Begun anew: what was only proposed or rehearsed the time before is no part of it.
                sql.Add($"""
                    delete from views.countermeasures_v1
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {e.MitigationId} and not in_network
                    """);
                break;

            case CountermeasureRequested e:
                Add(recorded, e.CountermeasureId, e.Kind, e.Prefix, e.Rule, inNetwork: true, rehearsed: false, sql, e.Pool, e.RequestedAt);
                Notify(sql);
                break;

            case CountermeasureProposed e:
                Add(recorded, e.CountermeasureId, e.Kind, e.Prefix, e.Rule, inNetwork: false, rehearsed: false, sql);
                break;

            case CountermeasureRehearsed e:
                Add(recorded, e.CountermeasureId, e.Kind, e.Prefix, e.Rule, inNetwork: false, rehearsed: true, sql);
                break;

            case MitigationApproved:
                sql.Add($"""
                    update views.mitigations_v1 set mode = {(short)EnforcementMode.Automatic}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case StepTaken e:
                sql.Add($"""
                    update views.mitigations_v1 set step = {e.Step}, step_since = {e.TakenAt}, unanswered_for = null
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case SteppedBack e:
                sql.Add($"""
                    update views.mitigations_v1 set step = {e.Step}, step_since = {e.TakenAt}, held_until = {e.HeldUntil}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case EvidenceGrew e:
                sql.Add($"""
                    update views.mitigations_v1 set evidence = {JsonSerializer.Serialize(e.Evidence, EventCatalog.Json)}::jsonb,
                        unanswered_for = {e.RefusedFor}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case MitigationExtended e:
                sql.Add($"""
                    update views.mitigations_v1 set expires_at = {e.ExpiresAt},
                        held_until = case when not {e.ByRule} and {e.ExpiresAt} > held_until then {e.ExpiresAt} else held_until end
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                Notify(sql);
                break;

            case CountermeasureDropped e:
                sql.Add($"""
                    update views.countermeasures_v1 set withdrawing = true, dropped_for = {(short)e.Reason}
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                Notify(sql);
                break;

            case EffectMeasured e:
                sql.Add($"""
                    update views.countermeasures_v1 set effect = {JsonSerializer.Serialize(e.Effect, EventCatalog.Json)}::jsonb, measured = {e.IsFinal}
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case CountermeasureAnnounced e:
                sql.Add($"""
                    update views.countermeasures_v1
                    set announced_by = array_append(array_remove(announced_by, {e.Speaker}), {e.Speaker}), route = {e.Route},
                        announced_at = coalesce(announced_at, {e.AnnouncedAt})
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case AnomalyEndNoted e:
                sql.Add($"""
                    update views.mitigations_v1 set held_until = {e.HeldUntil}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {e.MitigationId}
                    """);
                break;

            case AnomalySightLost e:
                sql.Add($"""
                    update views.mitigations_v1 set sight_lost_at = {e.LostAt}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case WithdrawalRequested e:
                sql.Add($"""
                    update views.mitigations_v1 set withdrawal_requested_at = {e.RequestedAt}, withdrawn_for = {(short)e.Reason}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                sql.Add($"""
                    update views.countermeasures_v1 set withdrawing = true
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                Notify(sql);
                break;

            case CountermeasureCleared e:
                sql.Add($"""
                    update views.countermeasures_v1 set cleared_by = array_append(array_remove(cleared_by, {e.Speaker}), {e.Speaker})
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case CountermeasureWithdrawn e:
                sql.Add($"""
                    update views.countermeasures_v1 set withdrawn = true, withdrawn_at = {e.WithdrawnAt}
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case MitigationEnded e:
                sql.Add($"""
                    update views.mitigations_v1 set ended_at = {e.EndedAt}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {e.Scope.MitigationId}
                    """);
                GiveBack(recorded, e.Scope.MitigationId, sql);
                sql.Add($"delete from views.standing_slots_v1 where mitigation_id = {e.Scope.MitigationId}");
                break;

            case MitigationFailed e:
                var stored = e.Evidence is null ? null : JsonSerializer.Serialize(e.Evidence, EventCatalog.Json);
                sql.Add($"""
                    insert into views.mitigations_v1 as known
                        (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, ended_at, failure, evidence, object_id)
                    values ({recorded.TenantId.ToGuid()}, {e.Scope.MitigationId}, {e.Scope.AnomalyId}, {e.Scope.ServiceCode},
                        {e.Target}, {e.FailedAt}, {e.FailedAt}, {e.Code}, {stored}::jsonb, {e.ObjectId})
                    on conflict (tenant_id, mitigation_id) do update
                    set failure = excluded.failure, evidence = excluded.evidence, ended_at = coalesce(known.ended_at, excluded.ended_at), withdrawn_for = null
                    """);
                GiveBack(recorded, e.Scope.MitigationId, sql);
                break;
        }
    }

    private static void Add(
        RecordedEvent recorded,
        Guid countermeasureId,
        CountermeasureKind kind,
        IPNetwork prefix,
        TrafficRule? rule,
        bool inNetwork,
        bool rehearsed,
        SqlBatch sql,
        string? pool = null,
        DateTimeOffset? requestedAt = null)
    {
        var stored = rule is null ? null : JsonSerializer.Serialize(rule, EventCatalog.Json);
        sql.Add($"""
            insert into views.countermeasures_v1 as known
                (tenant_id, mitigation_id, countermeasure_id, kind, prefix, rule, in_network, rehearsed, step, pool, requested_at)
            select m.tenant_id, m.mitigation_id, {countermeasureId}, {(short)kind}, {prefix}, {stored}::jsonb, {inNetwork}, {rehearsed}, m.step, {pool},
                {requestedAt}
            from views.mitigations_v1 m where m.tenant_id = {recorded.TenantId.ToGuid()} and m.mitigation_id = {Guid.Parse(recorded.StreamKey)}
            on conflict (tenant_id, countermeasure_id) do update
            set step = case when not known.withdrawing and not known.rehearsed then known.step else excluded.step end, -- asked for again while it stands or waits
                in_network = excluded.in_network, rehearsed = excluded.rehearsed, withdrawing = false, withdrawn = false, announced_by = default,
                cleared_by = default, pool = excluded.pool,
                announced_at = null, withdrawn_at = null, effect = null, measured = false, dropped_for = null, requested_at = excluded.requested_at
            """);
    }

    /// <summary>Room under the caps. What began since, when it was asked again, has taken it anew.</summary>
    private static void GiveBack(RecordedEvent recorded, Guid mitigationId, SqlBatch sql) => sql.Add($"""
        delete from views.slots_v1 where mitigation_id = {mitigationId} and not exists (
            select from events.mt_events began where began.tenant_id = {recorded.TenantId} and began.seq_id > {recorded.Sequence}
                and began.stream_id = {$"{recorded.StreamType}:{recorded.StreamKey}"} and began.type = {EventCatalog.NameOf(typeof(MitigationStarted))})
        """);

    private static void Notify(SqlBatch sql) => sql.Add($"select pg_notify({Channel}, '')");
}
