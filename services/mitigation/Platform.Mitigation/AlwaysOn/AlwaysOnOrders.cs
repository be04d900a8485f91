using Platform.EventStore;

namespace Platform.Mitigation.AlwaysOn;

/// <summary>Read model: the last order of each contract, and whether it holds.</summary>
internal sealed class AlwaysOnOrders : IProjection
{
    public string Name => "always_on_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case AlwaysOnOrdered e:
                Save(recorded, e.OrderId, ordered: true, e.OrderedAt, sql);
                break;

            case AlwaysOnCancelled e:
                Save(recorded, e.OrderId, ordered: false, e.CancelledAt, sql);
                break;
        }
    }

    private static void Save(RecordedEvent recorded, Guid orderId, bool ordered, DateTimeOffset at, SqlBatch sql) => sql.Add($"""
        insert into views.always_on_v1 (tenant_id, service_code, order_id, ordered, changed_at)
        values ({recorded.TenantId.ToGuid()}, {recorded.StreamKey}, {orderId}, {ordered}, {at})
        on conflict (tenant_id, service_code) do update
        set order_id = excluded.order_id, ordered = excluded.ordered, changed_at = excluded.changed_at
        """);
}
