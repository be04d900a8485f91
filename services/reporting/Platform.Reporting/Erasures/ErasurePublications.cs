using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Reporting.Erasures;

/// <summary>The proof that retention waits for.</summary>
internal sealed class ErasurePublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is ContractDataErased e ? Proof(e) : null;

    public static DataErased Proof(ContractDataErased e) => new()
    {
        TenantId = e.TenantId,
        ServiceCode = e.ServiceCode,
        ErasureId = e.ErasureId,
        Owner = "reporting",
        Counts = e.Counts,
        ErasedAt = e.ErasedAt,
    };
}
