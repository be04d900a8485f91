using Platform.EventStore;

namespace Platform.Mitigation.Erasures;

internal sealed record RecordErasure(DataErasureRecorded Outcome);

internal static class ErasureDecider
{
    /// <summary>Whoever asks again gets the first answer again: an event, so that it is published again.</summary>
    public static Decision<ErasureEvent> Decide(ErasureState current, RecordErasure command) =>
        current.Recorded ?? command.Outcome;
}
