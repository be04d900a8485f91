using Dapper;
using Npgsql;

namespace Platform.Mitigation.Scrubbers;

/// <summary>When each agent was heard, and what it counted. State of machines, not decisions: no events.</summary>
internal sealed class KnownScrubbers(NpgsqlDataSource database, TimeProvider clock)
{
    public async Task Heard(string agent, bool synProxy, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            insert into views.scrubbers_v1 (name, heard_at, syn_proxy) values (@agent, @now, @synProxy)
            on conflict (name) do update set heard_at = excluded.heard_at, syn_proxy = excluded.syn_proxy
            """,
            new { agent, synProxy, now = clock.GetUtcNow() });
    }

    /// <summary>Names of the agents that were heard within this time.</summary>
    public async Task<IReadOnlyList<string>> HeardWithin(TimeSpan time, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return (await connection.QueryAsync<string>(
            "select name from views.scrubbers_v1 where heard_at > @since", new { since = clock.GetUtcNow() - time })).AsList();
    }
}
