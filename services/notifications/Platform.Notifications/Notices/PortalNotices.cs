using System.Text.Json;
using Platform.EventStore;
using Platform.Hosting.Erasures;

namespace Platform.Notifications.Notices;

/// <summary>Read model: one row per notice.</summary>
/// <remarks>
/// An erasure stands in the event order behind every notice that it erased, so its rows are deleted here too: a batch
/// that was read
/// before the streams were gone cannot leave rows behind.
/// </remarks>
internal sealed class PortalNotices : IProjection
{
    public string Name => "portal_notices_v1";

    public IReadOnlyList<string> Tables => ["notices"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case NoticePublished e:
                sql.Add($"""
                    insert into views.notices (tenant_id, notice_id, service_code, kind, details, published_at)
                    values ({recorded.TenantId.Value}, {e.NoticeId}, {e.ServiceCode}, {e.Kind},
                        {JsonSerializer.Serialize(e.Details)}::jsonb, {e.PublishedAt})
                    on conflict do nothing
                    """);
                break;

            case DataErasureRecorded { DataClasses.Count: > 0 } e:
                sql.Add($"""
                    delete from views.notices
                    where service_code = {e.ServiceCode} and kind <> {NoticeKinds.ErasureCertified}
                    """);
                break;
        }
    }
}
