using System.Text.Json;
using Platform.EventStore;

namespace Platform.Retention.Erasures;

/// <summary>Read model: one row per erasure, with who has answered and what was erased.</summary>
internal sealed class ContractErasures : IProjection
{
    public string Name => "contract_erasures_v1";

    public IReadOnlyList<string> Tables => ["erasures"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case ErasureScheduled e:
                sql.Add($"""
                    insert into views.erasures
                        (erasure_id, tenant_id, service_code, status, terminated_at, due_at, next_request_at)
                    values ({e.ErasureId}, {e.TenantId}, {e.ServiceCode}, {ErasureStatuses.Scheduled}, {e.TerminatedAt},
                        {e.DueAt}, {e.DueAt})
                    on conflict do nothing
                    """);
                break;

            case ErasureRequested e:
                sql.Add($"""
                    update views.erasures
                    set status = {ErasureStatuses.Due}, owners = {e.Owners.ToArray()},
                        next_request_at = {e.NextRequestAt}
                    where erasure_id = {e.ErasureId}
                    """);
                break;

            case OwnerErasureConfirmed e:
                var counts = e.Counts.ToDictionary(kind => $"{e.Owner}/{kind.Key}", kind => kind.Value);
                sql.Add($"""
                    update views.erasures
                    set confirmed = array_append(confirmed, {e.Owner}),
                        counts = counts || {JsonSerializer.Serialize(counts)}::jsonb
                    where erasure_id = {e.ErasureId}
                    """);
                break;

            case ErasureCertified e:
                sql.Add($"""
                    update views.erasures
                    set status = {ErasureStatuses.Certified}, certified_at = {e.CertifiedAt}, next_request_at = null
                    where erasure_id = {e.ErasureId}
                    """);
                break;
        }
    }
}

/// <summary>Status of an erasure, as it stands in contracts and pages.</summary>
internal static class ErasureStatuses
{
    public const string Scheduled = "scheduled";
    public const string Due = "due";
    public const string Certified = "certified";
}
