using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>What the rules need to remember about one erasure.</summary>
/// <param name="Recorded">The first answer; null before it.</param>
internal sealed record ErasureState(DataErasureRecorded? Recorded)
{
    public static readonly StreamType<ErasureState, ErasureEvent> Stream = new("erasure", new ErasureState(Recorded: null), Evolve);

    public static ErasureState Evolve(ErasureState current, ErasureEvent happened) => happened switch
    {
        DataErasureRecorded e => new ErasureState(current.Recorded ?? e),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the erasure stream."),
    };
}
