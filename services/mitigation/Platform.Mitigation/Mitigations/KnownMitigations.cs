using Platform.EventStore;

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
                    insert into views.mitigations_v1
                        (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, expires_at)
                    values ({recorded.TenantId.ToGuid()}, {e.MitigationId}, {e.AnomalyId}, {e.ServiceCode},
                        {e.Target.ToString()}, {e.StartedAt}, {e.ExpiresAt})
                    on conflict do nothing
                    """);
                break;

            case CountermeasureRequested e:
                sql.Add($"""
                    insert into views.countermeasures_v1 (tenant_id, mitigation_id, countermeasure_id, kind, prefix)
                    values ({recorded.TenantId.ToGuid()}, {Guid.Parse(recorded.StreamKey)}, {e.CountermeasureId},
                        {(short)e.Kind}, {e.Prefix})
                    on conflict do nothing
                    """);
                Notify(sql);
                break;

            case CountermeasureAnnounced e:
                sql.Add($"""
                    update views.countermeasures_v1
                    set announced_by = array_append(array_remove(announced_by, {e.Speaker}), {e.Speaker}), route = {e.Route}
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case AnomalyEndNoted e:
                sql.Add($"""
                    update views.mitigations_v1 set held_until = {e.HeldUntil}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {e.MitigationId}
                    """);
                break;

            case WithdrawalRequested e:
                sql.Add($"""
                    update views.mitigations_v1 set withdrawal_requested_at = {e.RequestedAt}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                sql.Add($"""
                    update views.countermeasures_v1 set withdrawing = true
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                Notify(sql);
                break;

            case CountermeasureWithdrawn e:
                sql.Add($"""
                    update views.countermeasures_v1 set withdrawn = true
                    where tenant_id = {recorded.TenantId.ToGuid()} and countermeasure_id = {e.CountermeasureId}
                    """);
                break;

            case MitigationEnded e:
                sql.Add($"""
                    update views.mitigations_v1 set ended_at = {e.EndedAt}
                    where tenant_id = {recorded.TenantId.ToGuid()} and mitigation_id = {e.Scope.MitigationId}
                    """);
                sql.Add($"delete from views.slots_v1 where mitigation_id = {e.Scope.MitigationId}");
                break;

            case MitigationFailed e:
                sql.Add($"""
                    insert into views.mitigations_v1
                        (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, ended_at, failure)
                    values ({recorded.TenantId.ToGuid()}, {e.Scope.MitigationId}, {e.Scope.AnomalyId}, {e.Scope.ServiceCode},
                        {e.Target}, {e.FailedAt}, {e.FailedAt}, {e.Code})
                    on conflict do nothing
                    """);
                sql.Add($"delete from views.slots_v1 where mitigation_id = {e.Scope.MitigationId}");
                break;
        }
    }

    private static void Notify(SqlBatch sql) => sql.Add($"select pg_notify({Channel}, '')");
}
