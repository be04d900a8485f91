using System.Text.Json;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Read model: one row per protected object, in its newest version. Retired ones stay until they are erased.</summary>
/// <remarks>The engine follows this table; see <see cref="Windows.ObjectDirectory"/>. To rebuild: bump the version and deploy.</remarks>
internal sealed class WatchedObjects : IProjection
{
    public string Name => "watched_objects_v1";

    public IReadOnlyList<string> Tables => ["protected_objects_v1"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case ProtectedObjectAdded e:
                Save(recorded, e.Content, sql);
                break;
            case ContractFollowed e:
                Save(recorded, e.Content, sql);
                break;
            case ThresholdsChanged e:
                Save(recorded, e.Content, sql);
                break;
            case ProtectedObjectRetired e:
                sql.Add($"""
                    update views.protected_objects_v1 set retired_at = {e.RetiredAt}, changed_at = {recorded.Sequence}
                    where tenant_id = {recorded.TenantId.ToGuid()} and object_id = {e.ObjectId}
                    """);
                break;
        }
    }

    private static void Save(RecordedEvent recorded, ObjectContent content, SqlBatch sql) => sql.Add($"""
        insert into views.protected_objects_v1
            (tenant_id, object_id, service_code, name, prefixes, thresholds, settings, version, changed_at)
        values ({recorded.TenantId.ToGuid()}, {content.ObjectId}, {content.ServiceCode}, {content.Name},
            {content.Prefixes.Select(prefix => prefix.ToString()).ToArray()},
            {JsonSerializer.Serialize(content.Thresholds)},
            {JsonSerializer.Serialize(content.Settings ?? new ObjectSettings(), EventCatalog.Json)}, {content.Version}, {recorded.Sequence})
        on conflict (tenant_id, object_id) do update
        set name = excluded.name, prefixes = excluded.prefixes, thresholds = excluded.thresholds, settings = excluded.settings, version = excluded.version, changed_at = excluded.changed_at
        """);
}
