using System.Net;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Whom an allow-list names since a defence stands is let through it at once, not only by the next: the list changes because somebody is kept out. Who is
/// taken from a list passes what stands until that ends.
/// </summary>
internal sealed class LateAllowances(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    CountermeasureSlots slots,
    IOptions<MitigationOptions> options,
    TimeProvider clock,
    ILogger<LateAllowances> log)
{
    /// <summary>Whom the installation and the policies that count let through; which these are is as <see cref="DefenseFacts"/> says it.</summary>
    private const string Listed = """
        select source, position from unnest($1::cidr[]) with ordinality as installation (source, position)
        union all
        select source::cidr, 1000 + position
        from views.policies_v1 p, jsonb_array_elements_text(p.policy->'AllowedSources') with ordinality as listed (source, position)
        where p.tenant_id = m.tenant_id
          and case when coalesce(m.object_id, $3) = $3 then p.service_code = m.service_code
              when exists (select from views.policies_v1 own where own.tenant_id = m.tenant_id and own.object_id = m.object_id) then p.object_id = m.object_id
              else p.object_id = c.contract_id end
        """;

    /// <summary>Whom a policy would let through that is about to be set, where it would count.</summary>
    private const string Asked = """
        select source, position from unnest($1::cidr[]) with ordinality as asked (source, position)
        where m.tenant_id = $4 and m.service_code = $5
          and (coalesce(m.object_id, $3) in ($3, $6)
            or $6 = c.contract_id and not exists (select from views.policies_v1 own where own.tenant_id = m.tenant_id and own.object_id = m.object_id))
        """;

    /// <summary>Rules that stand without one beside them, standing or stopped by hand, that lets such a source through.</summary>
    private static string Missing(string allowed) =>
        $"""
        select m.tenant_id, m.mitigation_id, m.service_code, coalesce(m.object_id, $3), s.kind, s.prefix, (s.rule->>'Destination')::cidr, allowed.source,
            min(allowed.position)
        from views.mitigations_v1 m
        join views.contracts_v1 c using (tenant_id, service_code)
        join views.countermeasures_v1 s using (tenant_id, mitigation_id)
        join lateral ({allowed}) allowed on family(allowed.source) = family(s.prefix)
        where m.withdrawal_requested_at is null and m.ended_at is null and c.ended_at is null
          and s.in_network and not s.withdrawing and not s.withdrawn and s.rule is not null and (s.rule->>'Action')::int <> $2
          and not exists (
            select from views.countermeasures_v1 pass
            where pass.tenant_id = s.tenant_id and pass.mitigation_id = s.mitigation_id and pass.kind = s.kind and (pass.rule->>'Action')::int = $2
              and pass.rule->>'Destination' = s.rule->>'Destination' and allowed.source <<= (pass.rule->>'Source')::cidr)
        group by 1, 2, 3, 4, 5, 6, 7, 8
        """;

    private readonly Dictionary<Guid, string> _refused = [];

    public async Task LetThrough(CancellationToken cancellation)
    {
        foreach (var mitigation in (await Read(cancellation)).GroupBy(it => (it.TenantId, it.MitigationId, it.ServiceCode, it.ObjectId)))
        {
            var (tenantId, id, serviceCode, objectId) = mitigation.Key;
            try
            {
                if (await facts.Find(tenantId, serviceCode, objectId, cancellation) is not { } defense)
                {
                    continue;
                }

                // One that the rails refuse keeps no other out, and of very many the rest follows with the next look.
                var judged = mitigation.Select(it => it.Spec).ToLookup(spec => defense.Rails.RefusalOf(spec, defense.Contract, serviceCode));
                CountermeasureSpec[] specs = [.. judged[null].Take(SafetyRails.MostAtOnce)];
                var (state, _) = await store.Tenant(TenantId.Of(tenantId)).Load(MitigationState.Stream, id.ToString(), cancellation);
                var refusal = judged.Select(group => group.Key).FirstOrDefault(refusal => refusal is not null);
                var without = judged.Where(group => group.Key is not null).SelectMany(group => group).ToList();
                if (state.Scope is not null && MitigationDecider.Decide(state, Add(defense)) is Decision<MitigationEvent>.Accepted({ Count: > 0 }))
                {
                    // They take room like every rule: a list that changes often is no way past the caps. Taken for nothing it would keep others out.
                    var taken = await facts.WithMoreSlots(defense, tenantId, id, Room.For(MitigationDecider.New(state, specs)), cancellation);
                    if (taken.Slot is not SlotAnswer.Granted)
                    {
                        var (left, cap) = await slots.Left(tenantId, cancellation);
                        var fits = WhatFits(specs, left);
                        (refusal, without) = (MitigationDecider.RefusalFor(cap), [.. without, .. specs.Except(fits)]);
                        specs = fits;
                        taken = await facts.WithMoreSlots(defense, tenantId, id, Room.For(MitigationDecider.New(state, specs)), cancellation);
                    }

                    defense = taken;
                }

                var add = Add(defense);
                var decision = await store.Tenant(TenantId.Of(tenantId)).Handle(
                    MitigationState.Stream,
                    id.ToString(),
                    state => MitigationDecider.Decide(state, add),
                    new Cause($"allow-list:{id:N}:{add.At.UtcTicks}"),
                    cancellation);
                Note(id, (decision as Decision<MitigationEvent>.Rejected)?.Reason ?? refusal, decision is Decision<MitigationEvent>.Rejected ? specs : without);

                AddCountermeasures Add(Defense known) => new(id, specs, known, "allow-list changed", clock.GetUtcNow());
            }
            catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The allow-list of mitigation {id}");
            }
        }
    }

    /// <summary>
    /// Why a list that is about to be set would leave sources of it out of what stands: it is told to who sets it. Null: there is room for them.
    /// </summary>
    public async Task<Rejection?> RefusalOf(Guid tenantId, string serviceCode, Guid objectId, IReadOnlyList<IPNetwork> added, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"select count(*) from ({Missing(Asked)}) missing");
        command.Parameters.Add(new() { Value = added.Select(source => source.ToString()).ToArray() });
        command.Parameters.Add(new() { Value = (int)TrafficAction.Accept });
        command.Parameters.Add(new() { Value = Guid.Empty });
        command.Parameters.Add(new() { Value = tenantId });
        command.Parameters.Add(new() { Value = serviceCode });
        command.Parameters.Add(new() { Value = objectId });
        var needed = (long)(await command.ExecuteScalarAsync(cancellation))!;
        var (left, cap) = needed == 0 ? (0, default) : await slots.Left(tenantId, cancellation);
        return needed <= left ? null : MitigationDecider.RefusalFor(cap);
    }

    /// <summary>In the order of the lists, each source whole: half of what it passes is no way through.</summary>
    private static CountermeasureSpec[] WhatFits(IReadOnlyList<CountermeasureSpec> specs, long left)
    {
        var fits = new List<CountermeasureSpec>();
        foreach (var source in specs.GroupBy(spec => spec.Rule!.Source))
        {
            if (fits.Count + source.Count() <= left)
            {
                fits.AddRange(source);
            }
        }

        return [.. fits];
    }

    /// <summary>Once, with whom it keeps out; tried again all the same.</summary>
    private void Note(Guid mitigationId, Rejection? refusal, IReadOnlyList<CountermeasureSpec> without)
    {
        if (refusal is null)
        {
            _refused.Remove(mitigationId);
            return;
        }

        var detail = $"{refusal.Detail} Not let through what stands: {string.Join(", ", without.Select(spec => spec.Rule!.Source).Distinct())}.";
        if (_refused.GetValueOrDefault(mitigationId) != detail)
        {
            _refused[mitigationId] = detail;
            log.AllowanceRefused(mitigationId, refusal.Code, detail);
        }
    }

    private async Task<IReadOnlyList<(Guid TenantId, Guid MitigationId, string ServiceCode, Guid ObjectId, CountermeasureSpec Spec)>> Read(
        CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"{Missing(Listed)} order by 9, 8, 7, 5");
        command.Parameters.Add(new() { Value = options.Value.Allowed });
        command.Parameters.Add(new() { Value = (int)TrafficAction.Accept });
        command.Parameters.Add(new() { Value = Guid.Empty });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var missing = new List<(Guid, Guid, string, Guid, CountermeasureSpec)>();
        while (await row.ReadAsync(cancellation))
        {
            var accept = new TrafficRule(row.GetFieldValue<IPNetwork>(6), TrafficAction.Accept, row.GetFieldValue<IPNetwork>(7));
            missing.Add((
                row.GetGuid(0),
                row.GetGuid(1),
                row.GetString(2),
                row.GetGuid(3),
                new CountermeasureSpec((CountermeasureKind)row.GetInt16(4), row.GetFieldValue<IPNetwork>(5), accept)));
        }

        return missing;
    }
}
