using Platform.EventStore;

namespace Platform.Accounts.Erasures;

internal sealed record RecordErasure(
    Guid TenantId, string ServiceCode, Guid ErasureId, IReadOnlyDictionary<string, long> Counts, DateTimeOffset At);

internal static class ErasureDecider
{
    /// <summary>Whoever asks again is answered again, with what was counted the first time.</summary>
    public static Decision<ErasureEvent> Decide(ErasureState current, RecordErasure command) =>
        current.Answer ?? new DataErasureRecorded(
            command.TenantId, command.ServiceCode, command.ErasureId, command.Counts, command.At);
}
