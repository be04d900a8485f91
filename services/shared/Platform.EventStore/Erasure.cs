using Npgsql;

namespace Platform.EventStore;

/// <summary>What one erasure takes from a tenant.</summary>
/// <param name="Id">Identity of the erasure; repeat it to go on after an interruption.</param>
/// <param name="Streams">Streams that go with all their events.</param>
/// <param name="KeyScopes">Scopes (service codes, or <see cref="SealScopeAttribute.WholeTenant"/>) whose data key is destroyed.</param>
public sealed record Erasure(Guid Id, IReadOnlyCollection<StreamKey> Streams, IReadOnlyCollection<string> KeyScopes);

public sealed partial class TenantSession
{
    /// <summary>Name under which destroyed data keys are counted.</summary>
    public const string ErasedKeys = "data-key";

    /// <summary>
    /// Destroys keys, then deletes streams one by one. Interrupted, it is repeated with the same id and goes on. An erased stream
    /// takes no events any more; a destroyed key is never made anew. Whoever read events before does not write rows of them
    /// after, so what the caller deletes from views now stays away.
    /// </summary>
    /// <returns>
    /// Streams by kind, and keys as <see cref="ErasedKeys"/>, that this erasure has taken in all, earlier runs included.
    /// </returns>
    public async Task<IReadOnlyDictionary<string, long>> Erase(Erasure erasure, CancellationToken cancellationToken)
    {
        var now = _store.Clock.GetUtcNow();
        await using var connection = await _store.Database.OpenConnectionAsync(cancellationToken);
        foreach (var scope in erasure.KeyScopes)
        {
            await connection.Execute("select platform.destroy_key($1, $2, $3, $4)", cancellationToken, _tenant, scope, erasure.Id, now);
        }

        foreach (var stream in erasure.Streams)
        {
            await connection.Execute("select platform.erase($1, $2, $3, $4)", cancellationToken, _tenant, stream.Id, erasure.Id, now);
        }

        await connection.Execute("select platform.drop_left_copies()", cancellationToken);
        return await Counts(connection, erasure, cancellationToken);
    }

    private async Task<IReadOnlyDictionary<string, long>> Counts(
        NpgsqlConnection connection, Erasure erasure, CancellationToken cancellationToken)
    {
        var counts = erasure.Streams.Select(stream => stream.Type).Distinct().ToDictionary(kind => kind, _ => 0L);
        await using var command = connection.Command(
            """
            select split_part(stream_id, ':', 1), count(*) from platform.erased_streams
             where tenant_id = $1 and erasure_id = $2 group by 1
            union all
            select $3, count(*) from platform.keys where tenant_id = $1 and destroyed_by = $2
            """,
            _tenant, erasure.Id, ErasedKeys);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            counts[rows.GetString(0)] = rows.GetInt64(1);
        }

        return counts;
    }
}
