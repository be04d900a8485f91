using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Retention.Residual;

/// <summary>What the rules need to remember about one read: whether it is on record.</summary>
internal sealed record ResidualReadState(bool IsRecorded)
{
    public static readonly StreamType<ResidualReadState, ResidualReadEvent> Stream =
        new("residual-read", new ResidualReadState(false), Evolve);

    public static ResidualReadState Evolve(ResidualReadState current, ResidualReadEvent happened) => happened switch
    {
        ResidualDataRead => current with { IsRecorded = true },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the residual-read stream."),
    };
}
