using System.Text.Json;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.DefensePolicies;

/// <summary>Read model: the policy of each protected object that has one of its own.</summary>
internal sealed class KnownPolicies : IProjection
{
    public string Name => "policies_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        if (recorded.Data is DefensePolicySet e)
        {
            var policy = JsonSerializer.Serialize(new DefensePolicy(e.Steps, e.Mode, e.AllowedSources), EventCatalog.Json);
            sql.Add($"""
                insert into views.policies_v1 (tenant_id, object_id, service_code, policy)
                values ({recorded.TenantId.ToGuid()}, {e.ObjectId}, {e.ServiceCode}, {policy}::jsonb)
                on conflict (tenant_id, object_id) do update set service_code = excluded.service_code, policy = excluded.policy
                """);
        }
    }
}
