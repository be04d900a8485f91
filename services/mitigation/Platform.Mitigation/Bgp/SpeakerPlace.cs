using System.Text.Json;
using Dapper;
using Npgsql;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Writes down whether one speaker answers, its sessions, and what was read back from it and is not in force now. State of a machine; only what is new is
/// written.
/// </summary>
internal sealed class SpeakerPlace(NpgsqlDataSource database, string speaker)
{
    private bool? _answers;
    private IReadOnlyList<SpeakerSession> _sessions = [];
    private IReadOnlySet<Guid>? _missing;

    public Task Answers(IReadOnlyList<SpeakerSession> sessions, CancellationToken cancellation) => Note(awaySince: null, sessions, cancellation);

    public Task IsAway(DateTimeOffset since, CancellationToken cancellation) => Note(since, [], cancellation);

    /// <summary>Exactly these countermeasures were read back once and are not in force now.</summary>
    public async Task Misses(IReadOnlySet<Guid> countermeasures, CancellationToken cancellation)
    {
        if (_missing?.SetEquals(countermeasures) is true)
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            delete from views.missing_v1 where place = @speaker and countermeasure_id <> all (@ids);
            insert into views.missing_v1 (place, countermeasure_id) select @speaker, unnest(@ids) on conflict do nothing;
            """,
            new { speaker, ids = countermeasures.ToArray() });
        _missing = countermeasures;
    }

    private async Task Note(DateTimeOffset? awaySince, IReadOnlyList<SpeakerSession> sessions, CancellationToken cancellation)
    {
        if (_answers == awaySince is null && _sessions.SequenceEqual(sessions))
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            insert into views.speakers_v1 (name, away_since, sessions) values (@speaker, @awaySince, @sessions::jsonb)
            on conflict (name) do update set away_since = excluded.away_since, sessions = excluded.sessions
            """,
            new { speaker, awaySince, sessions = JsonSerializer.Serialize(sessions) });
        (_answers, _sessions) = (awaySince is null, sessions);
    }
}
