using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Mitigation.KillSwitches;

internal sealed record KillSwitchState(bool Engaged)
{
    public const string Key = "network";

    public static readonly StreamType<KillSwitchState, KillSwitchEvent> Stream = new("kill-switch", new(Engaged: false), Evolve);

    public static KillSwitchState Evolve(KillSwitchState current, KillSwitchEvent happened) => happened switch
    {
        KillSwitchEngaged => new(Engaged: true),
        KillSwitchReleased => new(Engaged: false),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the kill switch stream."),
    };
}
