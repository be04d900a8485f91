using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Erasures;

/// <summary>The answer given to one erasure; null before.</summary>
internal sealed record ErasureState(DataErasureRecorded? Answer)
{
    public static readonly StreamType<ErasureState, ErasureEvent> Stream = new("erasure", new ErasureState((DataErasureRecorded?)null), Evolve);

    public static ErasureState Evolve(ErasureState current, ErasureEvent happened) => happened switch
    {
        DataErasureRecorded e => new(current.Answer ?? e),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the erasure stream."),
    };
}
