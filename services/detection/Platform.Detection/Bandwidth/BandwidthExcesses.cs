using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>Read model: one row per excess.</summary>
/// <remarks>Lags the stream by the projection's delay. To rebuild: bump the version and deploy.</remarks>
internal sealed class BandwidthExcesses : IProjection
{
    public string Name => "bandwidth_excesses_v1";

    public IReadOnlyList<string> Tables => ["bandwidth_excesses_v1"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case BandwidthExceeded e:
                sql.Add($"""
                    insert into views.bandwidth_excesses_v1 as excess (tenant_id, object_id, service_code, declared_bits_per_second, peak_bits_per_second, since)
                    values ({recorded.TenantId.ToGuid()}, {e.ObjectId}, {e.ServiceCode}, {e.DeclaredBitsPerSecond}, {e.BitsPerSecond}, {e.Since})
                    on conflict (tenant_id, object_id, since) do update
                    set peak_bits_per_second = greatest(excess.peak_bits_per_second, excluded.peak_bits_per_second)
                    """);
                break;

            case BandwidthKept e:
                sql.Add($"""
                    update views.bandwidth_excesses_v1 set peak_bits_per_second = {e.PeakBitsPerSecond}, until = {e.Until}
                    where tenant_id = {recorded.TenantId.ToGuid()} and object_id = {e.ObjectId} and since = {e.Since}
                    """);
                break;
        }
    }
}
