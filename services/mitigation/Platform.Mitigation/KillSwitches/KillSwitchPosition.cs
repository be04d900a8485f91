using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.KillSwitches;

/// <summary>Read model: whether the switch is engaged. Whoever works on the network reads it in the same statement as what it shall hold.</summary>
internal sealed class KillSwitchPosition : IProjection
{
    public string Name => "kill_switch_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        var actor = recorded.Metadata.Actor ?? "";
        switch (recorded.Data)
        {
            case KillSwitchEngaged e:
                Turn(engaged: true, e.EngagedAt, e.Note, actor, recorded.Sequence, sql);
                break;

            case KillSwitchReleased e:
                Turn(engaged: false, e.ReleasedAt, e.Note, actor, recorded.Sequence, sql);
                break;
        }
    }

    private static void Turn(bool engaged, DateTimeOffset at, string note, string actor, long sequence, SqlBatch sql)
    {
        sql.Add($"""
            insert into views.kill_switch_v1 (engaged, changed_at, note, actor, sequence) values ({engaged}, {at}, {note}, {actor}, {sequence})
            on conflict (one) do update
            set engaged = excluded.engaged, changed_at = excluded.changed_at, note = excluded.note, actor = excluded.actor,
                sequence = excluded.sequence
            """);
        sql.Add($"select pg_notify({KnownMitigations.Channel}, '')");
    }
}
