using Platform.EventStore;

namespace Platform.Ingestion.Exporters;

/// <summary>Read model: one row per exporter, what the allow-list is made of.</summary>
internal sealed class RegisteredExporters : IProjection
{
    public string Name => "exporters_v1";

    public IReadOnlyList<string> Tables => ["exporters"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case ExporterRegistered e:
                sql.Add($"""
                    insert into views.exporters (exporter_id, stream_key, address, name, sampling_rate, expected_protocol, registered_at)
                    values ({e.ExporterId}, {recorded.StreamKey}, {e.Address}, {e.Name}, {(long)e.SamplingRate}, {e.ExpectedProtocol ?? ""}, {e.RegisteredAt})
                    on conflict do nothing
                    """);
                break;

            case ExporterChanged e:
                sql.Add($"""
                    update views.exporters set name = {e.Name}, sampling_rate = {(long)e.SamplingRate}, expected_protocol = {e.ExpectedProtocol ?? ""}
                    where exporter_id = {e.ExporterId}
                    """);
                break;

            case ExporterRemoved e:
                sql.Add($"delete from views.exporters where exporter_id = {e.ExporterId}");
                break;

            case ExporterFellSilent e:
                sql.Add($"update views.exporters set silent = true where exporter_id = {e.ExporterId}");
                break;

            case ExporterReturned e:
                sql.Add($"update views.exporters set silent = false, heard = true where exporter_id = {e.ExporterId}");
                break;
        }
    }
}
