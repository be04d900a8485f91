using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.KillSwitches;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>Query: every countermeasure that is in the network, shall be, or is on its way out. The last gate before the network is here.</summary>
internal sealed class WantedCountermeasures(
    NpgsqlDataSource database, CurrentViews views, IOptions<MitigationOptions> options, TimeProvider clock, ILogger<WantedCountermeasures> log)
{
    /// <summary>The last turn of the kill switch, as it was decided; $2 is the name of the event that engages it.</summary>
    private static readonly string LastTurn = $"""
        select type = $2 as engages, seq_id from events.mt_events
        where tenant_id = '{TenantId.Provider.Value}' and stream_id = 'kill-switch:{KillSwitchState.Key}' order by version desc limit 1
        """;

    /// <summary>
    /// While the kill switch is engaged nothing is wanted, and after it nothing from before, whatever the streams have got to; nor what expired,
    /// ended, what its contract does not protect any more, what its stream alone knows to be over, or what the rails would not let out today.
    /// </summary>
    /// <remarks>
    /// The kill switch is asked in its stream itself: it has to work while the views stand still. Engaged, also while it is waited for them, nothing is waited for.
    /// </remarks>
    /// <exception cref="ViewBehindException">The views are being built anew: what is wanted is not known.</exception>
    public async Task<IReadOnlyList<WantedCountermeasure>> Read(CancellationToken cancellation)
    {
        var floor = await views.Network.Floor(cancellation, IsEngaged);
        var over = views.Over;
        await using var command = database.CreateCommand(
            $"""
            with wanted as (
                select c.tenant_id, c.mitigation_id, c.countermeasure_id, c.kind, c.prefix, c.rule, c.announced_by, m.expires_at,
                    c.withdrawing or coalesce(k.engaged or m.sequence < k.sequence, false)
                        or coalesce(turned.engages or (m.sequence > 0 and m.sequence < turned.seq_id), false) or m.ended_at is not null or m.expires_at <= $1
                        or coalesce(contract.ended_at is not null or not (c.prefix <<= any (contract.prefixes)), false) as withdrawing,
                    c.pool, coalesce(c.requested_at, m.started_at) as requested_at
                from views.countermeasures_v1 c
                join views.mitigations_v1 m using (tenant_id, mitigation_id)
                left join views.contracts_v1 contract using (tenant_id, service_code)
                left join views.kill_switch_v1 k on true
                left join ({LastTurn}) turned on true
                where c.in_network and not c.withdrawn)
            select wanted.*, at.position, at.decided, coalesce((select engages from ({LastTurn}) turned), false)
            from (select {views.Network.Position} as position, {views.Decisions.Position} as decided) at left join wanted on true
            order by wanted.mitigation_id, wanted.countermeasure_id
            """);
        command.Parameters.Add(new() { Value = clock.GetUtcNow() });
        command.Parameters.Add(new() { Value = EventCatalog.NameOf(typeof(KillSwitchEngaged)) });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var wanted = new List<WantedCountermeasure>();
        while (await reader.ReadAsync(cancellation))
        {
            if (!reader.GetBoolean(13))
            {
                views.Network.Admit(reader.GetInt64(11), floor);
            }

            views.Decisions.Note(reader.GetInt64(12)); // seldom asked: let it know what was seen meanwhile
            if (!await reader.IsDBNullAsync(0, cancellation))
            {
                wanted.Add(Judged(new WantedCountermeasure(
                    reader.GetGuid(0),
                    reader.GetGuid(1),
                    reader.GetGuid(2),
                    new CountermeasureSpec(
                        (CountermeasureKind)reader.GetInt16(3),
                        reader.GetFieldValue<IPNetwork>(4),
                        await reader.IsDBNullAsync(5, cancellation)
                            ? null
                            : JsonSerializer.Deserialize<TrafficRule>(reader.GetString(5), EventCatalog.Json),
                        await reader.IsDBNullAsync(9, cancellation) ? null : reader.GetString(9)),
                    reader.GetFieldValue<string[]>(6),
                    reader.GetFieldValue<DateTimeOffset>(7),
                    reader.GetBoolean(8) || over.Contains(reader.GetGuid(2)),
                    reader.GetFieldValue<DateTimeOffset>(10))));
            }
        }

        return wanted;
    }

    private async Task<bool> IsEngaged(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"select engages, $1::timestamptz from ({LastTurn}) turned");
        command.Parameters.Add(new() { Value = clock.GetUtcNow() });
        command.Parameters.Add(new() { Value = EventCatalog.NameOf(typeof(KillSwitchEngaged)) });
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    private WantedCountermeasure Judged(WantedCountermeasure it)
    {
        if (it.Withdrawing || options.Value.LetsOut(it.TenantId, it.Spec))
        {
            return it;
        }

        log.PastLimits(it.Spec.Prefix.ToString(), it.MitigationId);
        return it with { Withdrawing = true };
    }
}

/// <param name="Spec">What shall be, or shall go.</param>
/// <param name="AnnouncedBy">Speakers and scrubbers whose read-back is already in the stream.</param>
/// <param name="ExpiresAt">When it ends by itself (UTC).</param>
/// <param name="Withdrawing">Whether it shall go.</param>
/// <param name="RequestedAt">When it was decided (UTC).</param>
internal sealed record WantedCountermeasure(
    Guid TenantId,
    Guid MitigationId,
    Guid CountermeasureId,
    CountermeasureSpec Spec,
    string[] AnnouncedBy,
    DateTimeOffset ExpiresAt,
    bool Withdrawing,
    DateTimeOffset RequestedAt)
{
    /// <summary>
    /// The order in which they take a place: a speaker has one route for a prefix and one rule for the same packets, and the later takes it from the
    /// earlier. A blackhole is the last step, and wins; else the later decision does, and of one decision the stronger.
    /// </summary>
    public static IEnumerable<WantedCountermeasure> InOrder(IEnumerable<WantedCountermeasure> wanted) => wanted
        .OrderBy(it => it.Spec.Kind is CountermeasureKind.Blackhole)
        .ThenBy(it => it.RequestedAt)
        .ThenBy(it => it.Spec.Rule is { Action: TrafficAction.Discard })
        .ThenBy(it => it.CountermeasureId);
}
