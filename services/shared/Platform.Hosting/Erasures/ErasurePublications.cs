using Platform.Contracts.Retention.V1;
using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>The proof that retention collects.</summary>
internal sealed class ErasurePublications(IContractEraser eraser) : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is DataErasureRecorded e
        ? new DataErased
        {
            TenantId = e.TenantId,
            ServiceCode = e.ServiceCode,
            ErasureId = e.ErasureId,
            Owner = eraser.Owner,
            Counts = e.Counts,
            ErasedAt = e.ErasedAt,
        }
        : null;
}
