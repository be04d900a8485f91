using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Retention.V1;

namespace Platform.Retention.Erasures;

/// <summary>What the owners are asked, and the certificate.</summary>
internal sealed class ErasurePublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        ErasureRequested e => new Published.ErasureDue
        {
            TenantId = e.TenantId,
            ContractId = e.ContractId,
            ServiceCode = e.ServiceCode,
            ErasureId = e.ErasureId,
            DataClasses = e.DataClasses,
            DueAt = e.DueAt,
            RequestedAt = e.RequestedAt,
        },
        ErasureCertified e => new Published.ErasureCertified
        {
            TenantId = e.TenantId,
            ServiceCode = e.ServiceCode,
            ErasureId = e.ErasureId,
            Counts = e.Counts,
            DueAt = e.DueAt,
            CertifiedAt = e.CertifiedAt,
        },
        _ => null,
    };
}
