using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Mitigation.Erasures;

/// <param name="Recorded">The first answer; null before it.</param>
internal sealed record ErasureState(DataErasureRecorded? Recorded)
{
    public static readonly StreamType<ErasureState, ErasureEvent> Stream = new("erasure", new ErasureState(Recorded: null), Evolve);

    public static ErasureState Evolve(ErasureState current, ErasureEvent happened) => happened switch
    {
        DataErasureRecorded e => current.Recorded is null ? new ErasureState(e) : current,
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the erasure stream."),
    };
}
