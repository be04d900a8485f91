using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Erasures;

/// <summary>The proof that retention collects.</summary>
internal sealed class ErasurePublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is DataErasureRecorded e
        ? new DataErased
        {
            TenantId = e.TenantId,
            ServiceCode = e.ServiceCode,
            ErasureId = e.ErasureId,
            Owner = "mitigation",
            Counts = e.Counts,
            ErasedAt = e.ErasedAt,
        }
        : null;
}
