using Platform.EventStore;

namespace Platform.Reporting.Erasures;

/// <summary>The data is gone; say so, once.</summary>
internal sealed record RecordErasure(
    Guid ErasureId,
    Guid TenantId,
    string ServiceCode,
    IReadOnlyList<string> DataClasses,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset At);

/// <summary>The rules of this service's part of an erasure: one proof, which repeats repeat.</summary>
internal static class ErasureDecider
{
    public static Decision<ErasureEvent> Decide(ErasureState current, RecordErasure command) => current.IsDone
        ? Decision<ErasureEvent>.Unchanged
        : new ContractDataErased(
            command.ErasureId,
            command.TenantId,
            command.ServiceCode,
            command.DataClasses,
            command.Counts,
            ErasedAt: command.At);
}
