using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Notifications.Erasures;

/// <summary>What the rules need to remember about one erasure: whether it was done here.</summary>
internal sealed record ErasureState(bool IsDone)
{
    public static readonly StreamType<ErasureState, ErasureEvent> Stream =
        new("erasure", new ErasureState(false), Evolve);

    public static ErasureState Evolve(ErasureState current, ErasureEvent happened) => happened switch
    {
        ContractDataErased => current with { IsDone = true },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the erasure stream."),
    };
}
