using Microsoft.Extensions.Options;
using Npgsql;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Room under the caps: of countermeasures, and of all that routers and scrubbers hold for them, with what lets allowed sources through. A count of what stands would lag behind a burst of anomalies, so slots are taken before the decision,
/// one taker at a time; the projection gives them back when the mitigation ends or fails. What stands always, by order of a contract, has room of its
/// own: it can neither take that of defence nor lose its own to it.
/// </summary>
internal sealed class CountermeasureSlots(NpgsqlDataSource database, IOptions<MitigationOptions> options, TimeProvider clock)
{
    private const long TakersLock = 0x6D69_7469_0000_0001; // "miti" 1
    private const string Defence = "views.slots_v1";
    private const string Standing = "views.standing_slots_v1";

    /// <summary>Takes so many slots for a new mitigation; asked again, only what it lacks, because the request may have grown.</summary>
    public Task<SlotAnswer> Take(Guid tenantId, Guid mitigationId, Room room, CancellationToken cancellation, bool standing = false) =>
        Take(tenantId, mitigationId, room, isMore: false, standing, cancellation);

    /// <summary>Takes so many slots more for a mitigation that stands.</summary>
    public Task<SlotAnswer> TakeMore(Guid tenantId, Guid mitigationId, Room more, CancellationToken cancellation, bool standing = false) =>
        Take(tenantId, mitigationId, more, isMore: true, standing, cancellation);

    /// <summary>How many rules more a tenant may hold now, and which cap says so.</summary>
    public async Task<(long Rules, SlotAnswer Cap)> Left(Guid tenantId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"select coalesce(sum(rules), 0)::bigint, coalesce(sum(rules) filter (where tenant_id = $1), 0)::bigint from {Defence}");
        command.Parameters.Add(new() { Value = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        var (ofTenant, ofAll) = options.Value.MostRulesFor(tenantId);
        var (leftOfAll, leftOfTenant) = (ofAll - row.GetInt64(0), ofTenant - row.GetInt64(1));
        return leftOfTenant <= leftOfAll ? (leftOfTenant, SlotAnswer.TenantRulesFull) : (leftOfAll, SlotAnswer.AllRulesFull);
    }

    /// <summary>
    /// Gives back slots whose taker never got as far as an event, for example because it was killed, and those of countermeasures that went while
    /// their mitigation stands on, or that were read gone wherever anybody answers: one dead speaker of several must not use up the caps. What lets through
    /// is counted as it is: it also comes where nobody is asked for room.
    /// </summary>
    public async Task ReleaseAbandoned(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var settle = database.CreateBatch();
        var there = $"""
            (select s.mitigation_id, case when m.withdrawal_requested_at is null then 1 else 0 end as fewest,
                count(c.countermeasure_id) filter (where (c.rule->>'Action')::int is distinct from $3) as all_of_it, count(c.countermeasure_id) as rules,
                count(c.countermeasure_id) filter (where c.kind = $2) as diversions,
                (select o.amount from {Standing} o where o.mitigation_id = s.mitigation_id) as standing
            from (select tenant_id, mitigation_id from {Defence} where taken_at < $1
                union select tenant_id, mitigation_id from {Standing} where taken_at < $1) s
            join views.mitigations_v1 m on m.tenant_id = s.tenant_id and m.mitigation_id = s.mitigation_id and m.ended_at is null
            left join views.countermeasures_v1 c on c.tenant_id = m.tenant_id and c.mitigation_id = m.mitigation_id
                and not c.withdrawn and not c.rehearsed
                and not (c.withdrawing and cardinality(c.cleared_by) > 0 and not exists (select from unnest(c.announced_by) as holder
                    where holder <> all (c.cleared_by)
                      and not exists (select from views.speakers_v1 away where away.name = holder and away.away_since is not null)))
            group by s.mitigation_id, m.withdrawal_requested_at)
            """;
        foreach (var (slots, amount, rules) in ((string, string, string)[])
        [
            // First: what is of the order tells what is beside it.
            (Standing, "greatest(there.diversions, there.fewest)", "greatest(there.diversions, there.fewest)"),
            (Defence, """
                case when there.standing is not null then greatest(there.all_of_it - least(there.standing, there.diversions), 0)
                    else greatest(there.all_of_it, there.fewest) end
                """,
                """
                case when there.standing is not null then greatest(there.rules - least(there.standing, there.diversions), 0)
                    else greatest(there.rules, there.fewest) end
                """),
        ])
        {
            settle.BatchCommands.Add(new(
                $"""
                update {slots} slot set amount = least(slot.amount, {amount}), rules = {rules}
                from {there} there
                where slot.mitigation_id = there.mitigation_id and slot.taken_at < $1 and (slot.amount > {amount} or slot.rules <> {rules})
                """)
            {
                Parameters =
                {
                    new() { Value = now - TimeSpan.FromMinutes(1) },
                    new() { Value = (short)CountermeasureKind.Diversion },
                    new() { Value = (int)TrafficAction.Accept },
                },
            });
            settle.BatchCommands.Add(new(
                $"""
                delete from {slots} slot
                where taken_at < $1
                  and not exists (select from views.mitigations_v1 m
                      where m.tenant_id = slot.tenant_id and m.mitigation_id = slot.mitigation_id and m.ended_at is null)
                """)
            {
                Parameters = { new() { Value = now - TimeSpan.FromMinutes(10) } },
            });
        }

        await settle.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<SlotAnswer> Take(Guid tenantId, Guid mitigationId, Room room, bool isMore, bool standing, CancellationToken cancellation)
    {
        var (ofTenant, ofAll) = standing ? options.Value.MostStandingFor(tenantId) : (options.Value.MostFor(tenantId), options.Value.MaxCountermeasures);
        var (rulesOfTenant, rulesOfAll) = standing ? (ofTenant, ofAll) : options.Value.MostRulesFor(tenantId);
        var slots = standing ? Standing : Defence;
        // One round trip and one transaction; the second statement looks only after the lock was given.
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new($"select pg_advisory_xact_lock({TakersLock})"));
        batch.BatchCommands.Add(new(
            $"""
            with taken as (
                select greatest($3 - case when $5 then 0 else coalesce(sum(amount) filter (where mitigation_id = $2), 0) end, 0) as lacking,
                    greatest($4 - case when $5 then 0 else coalesce(sum(rules) filter (where mitigation_id = $2), 0) end, 0) as lacking_rules,
                    coalesce(sum(amount), 0) as of_all, coalesce(sum(amount) filter (where tenant_id = $1), 0) as of_tenant,
                    coalesce(sum(rules), 0) as rules_of_all, coalesce(sum(rules) filter (where tenant_id = $1), 0) as rules_of_tenant
                from {slots}),
            answer as (
                select case when lacking > 0 and of_tenant + lacking > $6 then {(int)SlotAnswer.TenantFull}
                    when lacking > 0 and of_all + lacking > $7 then {(int)SlotAnswer.AllFull}
                    when lacking_rules > 0 and rules_of_tenant + lacking_rules > $8 then {(int)SlotAnswer.TenantRulesFull}
                    when lacking_rules > 0 and rules_of_all + lacking_rules > $9 then {(int)SlotAnswer.AllRulesFull}
                    else {(int)SlotAnswer.Granted} end as answer, lacking, lacking_rules
                from taken),
            inserted as (
                insert into {slots} as slot (mitigation_id, tenant_id, taken_at, amount, rules)
                select $2, $1, $10, lacking, lacking_rules from answer where answer = {(int)SlotAnswer.Granted} and lacking + lacking_rules > 0
                on conflict (mitigation_id) do update
                set amount = slot.amount + excluded.amount, rules = slot.rules + excluded.rules, taken_at = excluded.taken_at)
            select answer from answer
            """)
        {
            Parameters =
            {
                new() { Value = tenantId },
                new() { Value = mitigationId },
                new() { Value = (long)room.Countermeasures },
                new() { Value = (long)room.Rules },
                new() { Value = isMore },
                new() { Value = ofTenant },
                new() { Value = ofAll },
                new() { Value = rulesOfTenant },
                new() { Value = rulesOfAll },
                new() { Value = clock.GetUtcNow() },
            },
        });
        await using var rows = await batch.ExecuteReaderAsync(cancellation);
        await rows.NextResultAsync(cancellation);
        await rows.ReadAsync(cancellation);
        return (SlotAnswer)rows.GetInt32(0) is var answer && standing && answer is not SlotAnswer.Granted ? SlotAnswer.StandingFull : answer;
    }
}

/// <summary>What countermeasures take of the caps.</summary>
/// <param name="Countermeasures">Those that do something to traffic.</param>
/// <param name="Rules">With what only lets allowed sources through them: what the network holds.</param>
internal readonly record struct Room(int Countermeasures, int Rules)
{
    public bool IsNone => Rules == 0;

    public static Room For(IReadOnlyList<CountermeasureSpec> specs) => new(specs.Count(spec => !spec.IsAllowance), specs.Count);
}
