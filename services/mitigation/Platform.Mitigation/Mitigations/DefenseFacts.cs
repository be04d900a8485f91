using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Mitigations;

/// <summary>Collects, at the edge, what a decision about countermeasures needs to know.</summary>
internal sealed class DefenseFacts(
    NpgsqlDataSource database,
    CurrentViews views,
    CountermeasureSlots slots,
    KnownCapacity capacity,
    KnownScrubbers known,
    IOptions<MitigationOptions> options,
    IOptions<BgpOptions> network,
    IOptions<ScrubberOptions> scrubbers,
    TimeProvider clock)
{
    /// <summary>Everything but the slots; null when the contract is not known yet.</summary>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="serviceCode">Its contract.</param>
    /// <param name="objectId">
    /// The protected object; empty: none in particular, as for what is done by hand or stands always. Then the policies of all objects of the contract
    /// count: whom one of them allows is let through, and the dry run of one binds.
    /// </param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <exception cref="ViewBehindException">The views are being built anew: whether the kill switch is engaged is not known.</exception>
    public async Task<Defense?> Find(Guid tenantId, string serviceCode, Guid objectId, CancellationToken cancellation)
    {
        var floor = await views.Decisions.Floor(cancellation);
        // One statement: every millisecond of it is before the defence. A named object without a policy of its own is defended as the object
        // 'default' of its contract (it has the contract's id): who groups prefixes must not get round what was agreed for them.
        await using var command = database.CreateCommand(
            $"""
            select c.prefixes, c.ended_at is not null,
                array(select policy::text from views.policies_v1 p where p.tenant_id = c.tenant_id
                    and case when $3 = $4 then p.service_code = c.service_code
                        when exists (select from views.policies_v1 own where own.tenant_id = c.tenant_id and own.object_id = $3) then p.object_id = $3
                        else p.object_id = c.contract_id end),
                coalesce((select engaged from views.kill_switch_v1), false),
                array(select name from views.scrubbers_v1 order by name),
                array(select heard_at from views.scrubbers_v1 order by name),
                array(select now() - heard_at from views.scrubbers_v1 order by name),
                array(select syn_proxy from views.scrubbers_v1 order by name),
                {views.Decisions.Position}
            from views.contracts_v1 c
            where c.tenant_id = $1 and c.service_code = $2
            """);
        command.Parameters.Add(new() { Value = tenantId });
        command.Parameters.Add(new() { Value = serviceCode });
        command.Parameters.Add(new() { Value = objectId });
        command.Parameters.Add(new() { Value = Guid.Empty });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation))
        {
            return null;
        }

        views.Decisions.Admit(row.GetInt64(8), floor);
        var place = await capacity.PlaceOf(serviceCode, cancellation);
        var pool = place.Pool;
        var (told, ago, synProxies) = (row.GetFieldValue<DateTime[]>(5), row.GetFieldValue<TimeSpan[]>(6), row.GetFieldValue<bool[]>(7));
        (string Name, bool SynProxy)[] there =
        [
            .. row.GetFieldValue<string[]>(4)
                .Select((agent, i) => (Name: agent, SynProxy: synProxies[i], HeardAt: known.HeardAt(agent, told[i], ago[i])))
                .Where(agent => scrubbers.Value.Serves(agent.Name, pool) && clock.GetUtcNow() - agent.HeardAt < scrubbers.Value.AwayAfter)
                .Select(agent => (agent.Name, agent.SynProxy)),
        ];
        var contract = new ContractScope(row.GetFieldValue<IPNetwork[]>(0), row.GetBoolean(1));
        var policy = PolicyOf([.. row.GetFieldValue<string[]>(2).Select(it => JsonSerializer.Deserialize<DefensePolicy>(it, EventCatalog.Json)!)]);
        return new Defense(
            contract,
            policy,
            options.Value.RailsFor(tenantId, row.GetBoolean(3), policy.AllowedSources),
            network.Value.MeansFor(
                scrubberIsThere: there.Length > 0,
                place,
                isAway: there.Length == 0 && scrubbers.Value.AgentsOf(pool).Count > 0,
                isUnheard: known.IsJustListening,
                // All of them, and both directions pass them: half a proxy breaks every connection. Abroad its way back would leave an address behind.
                synProxy: scrubbers.Value.SeesBothDirections(pool) && there.Length > 0
                    && there.All(agent => agent.SynProxy && !scrubbers.Value.IsAbroad(agent.Name)),
                returned: scrubbers.Value.Returned(pool)),
            SlotAnswer.Granted,
            options.Value.MaximumDuration);
    }

    /// <summary>What binds: the installation's and the objects' own. Allowed sources of both are let through.</summary>
    private DefensePolicy PolicyOf(DefensePolicy[] own)
    {
        var chosen = own.Length > 0 ? own[0] : options.Value.DefaultPolicy;
        return chosen with
        {
            Mode = options.Value.DryRun || own.Any(policy => policy.Mode is EnforcementMode.DryRun) ? EnforcementMode.DryRun : chosen.Mode,
            AllowedSources = options.Value.AllAllowed([.. own.SelectMany(policy => policy.AllowedSources)]),
        };
    }

    /// <summary>With slots for the first step that will be taken; a target that no rail lets through takes none.</summary>
    public async Task<Defense> WithSlots(
        Defense defense, StartMitigation start, Guid tenantId, CancellationToken cancellation)
    {
        if (start.IsOutgoing || defense.Policy.Mode is EnforcementMode.DryRun || MitigationDecider.FirstStep(start with { Defense = defense }) is not { } step)
        {
            return defense;
        }

        var granted = await WithSlots(defense, tenantId, start.Scope.MitigationId, step.Room, cancellation);
        // Of a carpet over many prefixes the largest are defended where there is no room for all of them.
        for (var most = DefensePlan.TargetsOf(default, start.Evidence).Count / 2; most >= 1 && granted.Slot is not SlotAnswer.Granted; most /= 2)
        {
            var fewer = defense with { MostPrefixes = most, NoMore = granted.Slot };
            granted = MitigationDecider.FirstStep(start with { Defense = fewer }) is { } smaller
                ? await WithSlots(fewer, tenantId, start.Scope.MitigationId, smaller.Room, cancellation)
                : granted;
        }

        return granted;
    }

    public async Task<Defense> WithSlots(
        Defense defense, Guid tenantId, Guid mitigationId, Room room, CancellationToken cancellation, bool standing = false) =>
        defense.Policy.Mode is EnforcementMode.DryRun
            ? defense
            : defense with { Slot = await slots.Take(tenantId, mitigationId, room, cancellation, standing) };

    public async Task<Defense> WithMoreSlots(
        Defense defense, Guid tenantId, Guid mitigationId, Room more, CancellationToken cancellation, bool standing = false) =>
        more.IsNone || defense.Policy.Mode is EnforcementMode.DryRun
            ? defense
            : defense with { Slot = await slots.TakeMore(tenantId, mitigationId, more, cancellation, standing) };
}
