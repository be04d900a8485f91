using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.KillSwitches;

internal sealed record TurnKillSwitch(bool Engage, string Note, DateTimeOffset At);

internal static class KillSwitchDecider
{
    public static Decision<KillSwitchEvent> Decide(KillSwitchState current, TurnKillSwitch command)
    {
        if (string.IsNullOrWhiteSpace(command.Note) || command.Note.Length > 200)
        {
            return MitigationRejections.ReasonMissing;
        }

        return (current.Engaged, command.Engage) switch
        {
            (false, true) => new KillSwitchEngaged(command.Note, command.At),
            (true, false) => new KillSwitchReleased(command.Note, command.At),
            _ => Decision<KillSwitchEvent>.Unchanged,
        };
    }
}
