using Platform.EventStore;

namespace Platform.Accounts.Tenants;

/// <summary>Read model: one row per customer that was taken on.</summary>
internal sealed class RegisteredTenants : IProjection
{
    public string Name => "tenants_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        if (recorded.Data is TenantRegistered registered)
        {
            sql.Add($"""
                insert into views.tenants_v1 (tenant_id, registered_at)
                values ({recorded.TenantId.ToGuid()}, {registered.RegisteredAt})
                on conflict (tenant_id) do nothing
                """);
        }
    }
}
