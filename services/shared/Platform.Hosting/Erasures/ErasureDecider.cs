using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>The data is gone; say so.</summary>
internal sealed record RecordErasure(DataErasureRecorded Outcome);

internal static class ErasureDecider
{
    /// <summary>Whoever asks again gets the first answer again, as an event, so that it is published again.</summary>
    public static Decision<ErasureEvent> Decide(ErasureState current, RecordErasure command) => current.Recorded ?? command.Outcome;
}
