using System.Text.Json;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.DefensePolicies;

/// <summary>Read model: the policy of each protected object that has one of its own.</summary>
internal sealed class KnownPolicies : IProjection
{
    /// <summary>
    /// Whether a mitigation m of contract c is in a dry run now: an expression, with the parameters DryRun (of the installation) and DryRunMode. What is done
    /// by hand names no object: the dry run of any of its contract binds it.
    /// </summary>
    public const string IsDry = """
        (@DryRun or exists (select from views.policies_v1 p where p.tenant_id = m.tenant_id and (p.policy->>'Mode')::int = @DryRunMode
            and case when m.object_id is null then p.service_code = m.service_code
                when exists (select from views.policies_v1 own where own.tenant_id = m.tenant_id and own.object_id = m.object_id)
                    then p.object_id = m.object_id
                else p.object_id = c.contract_id end))
        """;

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
