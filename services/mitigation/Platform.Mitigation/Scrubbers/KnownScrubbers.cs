using System.Net;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Scrubbers;

/// <summary>When each agent was heard, what it holds and what it counted. State of machines, not decisions: no events.</summary>
/// <remarks>
/// An agent speaks to any replica, so the database's clock says when it was heard, and how long that is ago: clocks of replicas that differ make nobody dead.
/// </remarks>
internal sealed class KnownScrubbers(NpgsqlDataSource database, IOptions<ScrubberOptions> options, TimeProvider clock)
{
    /// <summary>An agent asks twice a second, and finds a controller that was started anew within this.</summary>
    private static readonly TimeSpan HadTheirSay = TimeSpan.FromSeconds(3);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (DateTime Told, DateTimeOffset At)> _heard = [];
    private DateTimeOffset _listeningSince;
    private DateTimeOffset _lookedAt;

    /// <summary>An agent speaks: what it holds of the countermeasures that are known, with what each counted, and for which prefixes it has a way back.</summary>
    public async Task Heard(
        string agent, bool synProxy, IReadOnlyList<IPNetwork>? waysBack, IReadOnlyList<CountedFilter> held, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        // One transaction: there is no moment in which the agent was heard and what it holds was not. A new way back lets diversions out that wait for it.
        await connection.ExecuteAsync(
            $"""
            select pg_notify('{KnownMitigations.Channel}', '') from views.scrubbers_v1 where name = @agent and ways_back is distinct from @waysBack::cidr[];
            with spoken as (
                insert into views.scrubbers_v1 (name, heard_at, syn_proxy, ways_back) values (@agent, now(), @synProxy, @waysBack::cidr[])
                on conflict (name) do update set heard_at = excluded.heard_at, syn_proxy = excluded.syn_proxy, ways_back = excluded.ways_back),
            gone as (
                update views.filtered_v1 set held = false where agent = @agent and held and countermeasure_id <> all (@ids))
            insert into views.filtered_v1 (countermeasure_id, agent, dropped_packets, dropped_bytes, passed_packets, passed_bytes, told_at, held)
            select id, @agent, dropped_packets, dropped_bytes, passed_packets, passed_bytes, @now, true
            from unnest(@ids, @droppedPackets, @droppedBytes, @passedPackets, @passedBytes) as held (id, dropped_packets, dropped_bytes, passed_packets, passed_bytes)
            on conflict (countermeasure_id, agent) do update
            set dropped_packets = excluded.dropped_packets, dropped_bytes = excluded.dropped_bytes, passed_packets = excluded.passed_packets,
                passed_bytes = excluded.passed_bytes, told_at = excluded.told_at, held = true
            """,
            new
            {
                agent,
                synProxy,
                waysBack = waysBack?.Select(prefix => prefix.ToString()).ToArray(),
                now = clock.GetUtcNow(),
                ids = held.Select(it => it.CountermeasureId).ToArray(),
                droppedPackets = held.Select(it => it.DroppedPackets).ToArray(),
                droppedBytes = held.Select(it => it.DroppedBytes).ToArray(),
                passedPackets = held.Select(it => it.PassedPackets).ToArray(),
                passedBytes = held.Select(it => it.PassedBytes).ToArray(),
            });
    }

    /// <summary>Of agents that were heard a moment ago, and that tell: which prefixes they have a way back for.</summary>
    public async Task<IReadOnlyDictionary<string, IPNetwork[]>> WaysBack(CancellationToken cancellation) =>
        (await Read(cancellation))
            .Where(agent => agent.WaysBack is not null && clock.GetUtcNow() - agent.HeardAt < options.Value.AwayAfter)
            .ToDictionary(agent => agent.Name, agent => agent.WaysBack!);

    /// <summary>An agent speaks, and what it says cannot be held against anything now.</summary>
    public async Task Spoke(string agent, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync("update views.scrubbers_v1 set heard_at = now() where name = @agent", new { agent });
    }

    /// <summary>Names of the agents that were heard within this time.</summary>
    public async Task<IReadOnlyList<string>> HeardWithin(TimeSpan time, CancellationToken cancellation) =>
        [.. (await Read(cancellation)).Where(agent => clock.GetUtcNow() - agent.HeardAt < time).Select(agent => agent.Name)];

    /// <summary>Whether agents had no time yet to be heard: after a start, or a database that was away, who is silent is not away.</summary>
    public bool IsJustListening
    {
        get
        {
            var now = clock.GetUtcNow();
            lock (_lock)
            {
                return now - _lookedAt > options.Value.AwayAfter / 2 || now - _listeningSince < HadTheirSay;
            }
        }
    }

    /// <summary>When, by our clock, an agent was heard of which the database says when and how long ago by its own.</summary>
    public DateTimeOffset HeardAt(string agent, DateTime told, TimeSpan ago)
    {
        lock (_lock)
        {
            if (!_heard.TryGetValue(agent, out var known) || known.Told != told)
            {
                known = _heard[agent] = (told, clock.GetUtcNow() - ago);
            }

            return known.At;
        }
    }

    private async Task<IReadOnlyList<(string Name, DateTimeOffset HeardAt, IPNetwork[]? WaysBack)>> Read(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("select name, heard_at, now() - heard_at, ways_back from views.scrubbers_v1");
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var agents = new List<(string, DateTimeOffset, IPNetwork[]?)>();
        while (await row.ReadAsync(cancellation))
        {
            agents.Add((
                row.GetString(0),
                HeardAt(row.GetString(0), row.GetDateTime(1), row.GetTimeSpan(2)),
                await row.IsDBNullAsync(3, cancellation) ? null : row.GetFieldValue<IPNetwork[]>(3)));
        }

        return agents;
    }

    /// <summary>Who is there now. To be asked at short intervals: after a long pause, as of a start or a database that was away, nobody counts as away yet.</summary>
    public async Task<RollCall> Call(CancellationToken cancellation)
    {
        var heard = await Read(cancellation);
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (now - _lookedAt > options.Value.AwayAfter / 2)
            {
                _listeningSince = now;
            }

            _lookedAt = now;
            return new RollCall(options.Value, heard.ToDictionary(it => it.Name, it => it.HeardAt), _listeningSince, now);
        }
    }

    /// <summary>What was counted of countermeasures that are long gone goes too.</summary>
    public async Task ForgetOld(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync("delete from views.filtered_v1 where told_at < @longAgo", new { longAgo = clock.GetUtcNow() - TimeSpan.FromHours(1) });
    }
}

/// <summary>What an agent counted of one countermeasure since it holds it.</summary>
internal sealed record CountedFilter(Guid CountermeasureId, long DroppedPackets, long DroppedBytes, long PassedPackets, long PassedBytes);

/// <summary>Which agents are there, and which are away. Between the two nothing is known: who was just started has heard nobody.</summary>
/// <param name="Options">The agents that shall be.</param>
/// <param name="Heard">When each was heard last (UTC).</param>
/// <param name="ListeningSince">Since when nobody can have been missed (UTC).</param>
/// <param name="At">Now (UTC).</param>
internal sealed record RollCall(ScrubberOptions Options, IReadOnlyDictionary<string, DateTimeOffset> Heard, DateTimeOffset ListeningSince, DateTimeOffset At)
{
    /// <summary>Whether the agent was heard a moment ago.</summary>
    public bool IsThere(string agent) => Heard.TryGetValue(agent, out var heard) && At - heard < Options.AwayAfter;

    /// <summary>Whether a pool (null: all) has agents, and none of them was heard for so long although we listened.</summary>
    public bool IsAway(string? pool) => Options.AgentsOf(pool) is { Count: > 0 } agents && agents.All(IsUnheard);

    private bool IsUnheard(string agent) =>
        At - (Heard.TryGetValue(agent, out var heard) && heard > ListeningSince ? heard : ListeningSince) >= Options.AwayAfter;
}
