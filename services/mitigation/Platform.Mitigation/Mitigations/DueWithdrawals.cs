using System.Collections.Immutable;
using System.Net;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.Effects;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Withdraws what is due: the hold has passed, the mitigation expired, its contract ended or gave the prefix up, its scrubbers are gone, the rails let it
/// out no longer, a dry run began, or the kill switch is engaged. And lets late allow-lists through. Every replica may run it: deciding twice changes nothing.
/// </summary>
internal sealed class DueWithdrawals(
    NpgsqlDataSource database,
    StreamStore store,
    CurrentViews views,
    CountermeasureSlots slots,
    KnownScrubbers scrubbers,
    LateAllowances allowances,
    KnownCapacity capacity,
    DefenseFacts facts,
    IOptions<MitigationOptions> options,
    IOptions<ScrubberOptions> scrubberOptions,
    TimeProvider clock,
    ILogger<DueWithdrawals> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            foreach (var look in (Func<CancellationToken, Task>[])
            [
                WithdrawDue, DropForeign, LeavePools, ResumeSteps, ClearFiltersOfNobody, allowances.LetThrough, slots.ReleaseAbandoned, scrubbers.ForgetOld,
            ])
            {
                try
                {
                    await views.Network.Ensure(stoppingToken);
                    await look(stoppingToken);
                }
                catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
                {
                    log.DueWithdrawalsWait(fault); // a look that fails keeps no other from its own
                }
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>What is diverted to scrubbers of which none is there is lost: it goes to others with room, or its own way again.</summary>
    private async Task LeavePools(CancellationToken cancellation)
    {
        var there = await scrubbers.Call(cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var diverted = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, string ServiceCode, string? Pool)>(
            """
            select distinct m.tenant_id, m.mitigation_id, m.service_code, c.pool
            from views.countermeasures_v1 c
            join views.mitigations_v1 m using (tenant_id, mitigation_id)
            where c.in_network and not c.withdrawing and not c.withdrawn and c.kind in (@Diversion, @Scrubbing)
              and m.withdrawal_requested_at is null and m.ended_at is null
            """,
            new { Diversion = (short)CountermeasureKind.Diversion, Scrubbing = (short)CountermeasureKind.Scrubbing });
        foreach (var (tenantId, mitigationId, serviceCode, pool) in diverted.Where(it => there.IsAway(it.Pool)))
        {
            await capacity.Read(cancellation); // as it is without that pool, and with what moved before
            var now = clock.GetUtcNow();
            var to = (await capacity.PlaceOf(serviceCode, cancellation)).Pool;
            var why = EffectRules.NobodyThere(pool, scrubberOptions.Value.AwayAfter).Words;
            var leave = new LeavePool(mitigationId, pool, to == pool ? null : to, why, now);
            log.PoolLeft(mitigationId, why, leave.To ?? "nowhere");
            await Handle(
                tenantId, mitigationId, state => MitigationDecider.Decide(state, leave), $"leave:{pool}:{now.UtcTicks}", cancellation);
        }
    }

    /// <summary>The step whose scrubbers went, when they are there again; until then, after its patience, the next one that needs none.</summary>
    private async Task ResumeSteps(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var bare = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, string ServiceCode, Guid? ObjectId)>(
            """
            select m.tenant_id, m.mitigation_id, m.service_code, m.object_id
            from views.mitigations_v1 m
            where m.withdrawal_requested_at is null and m.ended_at is null and m.held_until is null
              and exists (select from views.countermeasures_v1 c
                  where c.tenant_id = m.tenant_id and c.mitigation_id = m.mitigation_id and c.step <= m.step and c.dropped_for = @Gone and c.withdrawing)
            """,
            new { Gone = (short)WithdrawalReason.ScrubbersGone });
        foreach (var (tenantId, mitigationId, serviceCode, objectId) in bare)
        {
            await Alone(mitigationId, () => ResumeStep(tenantId, mitigationId, serviceCode, objectId, cancellation), cancellation);
        }
    }

    private async Task ResumeStep(Guid tenantId, Guid mitigationId, string serviceCode, Guid? objectId, CancellationToken cancellation)
    {
        var (state, _) = await store.Tenant(TenantId.Of(tenantId)).Load(MitigationState.Stream, mitigationId.ToString(), cancellation);
        if (await facts.Find(tenantId, serviceCode, objectId ?? Guid.Empty, cancellation) is not { } defense
            || MitigationDecider.ResumedBy(state, defense, clock.GetUtcNow()) is not { } step)
        {
            return;
        }

        var now = clock.GetUtcNow();
        if (step.Specs.All(spec => defense.Rails.RefusalOf(spec, defense.Contract, serviceCode) is null))
        {
            defense = await facts.WithMoreSlots(defense, tenantId, mitigationId, step.Room, cancellation);
        }

        var resume = new Resume(mitigationId, defense, now);
        log.StepDecided(mitigationId, await store.Tenant(TenantId.Of(tenantId)).Handle(
            MitigationState.Stream,
            mitigationId.ToString(),
            current => MitigationDecider.Decide(current, resume),
            new Cause($"resume:{now.UtcTicks}"),
            cancellation));
    }

    /// <summary>Filters in scrubbers end by themselves when their lease has run out: then they are gone without anybody to say so.</summary>
    private async Task ClearFiltersOfNobody(CancellationToken cancellation)
    {
        var heard = await scrubbers.HeardWithin(scrubberOptions.Value.Lease, cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var left = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, Guid CountermeasureId, string? Pool)>(
            """
            select tenant_id, mitigation_id, countermeasure_id, pool
            from views.countermeasures_v1
            where in_network and withdrawing and not withdrawn and kind = @Scrubbing
            """,
            new { Scrubbing = (short)CountermeasureKind.Scrubbing });
        foreach (var (tenantId, mitigationId, countermeasureId, pool) in left)
        {
            if (heard.Any(agent => scrubberOptions.Value.Serves(agent, pool)))
            {
                continue; // it says so itself
            }

            var gone = new ConfirmClearance(
                new Dictionary<Guid, ImmutableHashSet<string>> { [countermeasureId] = ["lease"] }, "lease", clock.GetUtcNow());
            await Handle(
                tenantId, mitigationId, state => MitigationDecider.Decide(state, gone), $"lease:{countermeasureId:N}:{clock.GetUtcNow().UtcTicks}", cancellation);
        }
    }

    /// <summary>
    /// What the contract protected when it was decided and does not any more: the prefix may be somebody else's by now. And what the rails would not
    /// let out today: infrastructure that was listed since, a tighter limit.
    /// </summary>
    private async Task DropForeign(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var standing = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, Guid CountermeasureId, short Kind, string Prefix, bool IsForeign)>(
            """
            select m.tenant_id, m.mitigation_id, s.countermeasure_id, s.kind, s.prefix::text, not (s.prefix <<= any (c.prefixes))
            from views.mitigations_v1 m
            join views.contracts_v1 c using (tenant_id, service_code)
            join views.countermeasures_v1 s using (tenant_id, mitigation_id)
            where m.withdrawal_requested_at is null and m.ended_at is null and c.ended_at is null
              and s.in_network and not s.withdrawing
            """);
        foreach (var (tenantId, mitigationId, countermeasureId, kind, prefix, isForeign) in standing)
        {
            if (!isForeign && options.Value.LetsOut(tenantId, new CountermeasureSpec((CountermeasureKind)kind, IPNetwork.Parse(prefix))))
            {
                continue;
            }

            var drop = new DropCountermeasure(
                mitigationId,
                countermeasureId,
                isForeign ? "The contract does not protect this prefix any more." : "The safety rails do not let this out any more.",
                clock.GetUtcNow(),
                isForeign ? WithdrawalReason.ContractEnded : WithdrawalReason.Rails);
            await Handle(
                tenantId,
                mitigationId,
                state => MitigationDecider.Decide(state, drop),
                $"due:foreign:{countermeasureId:N}:{clock.GetUtcNow().UtcTicks}",
                cancellation);
        }
    }

    private async Task WithdrawDue(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var due = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, WithdrawalReason Reason)>(
            $"""
            select m.tenant_id, m.mitigation_id,
                case when k.engaged or m.sequence < k.sequence then @KillSwitch when c.ended_at is not null then @ContractEnded
                    when m.expires_at <= @now then @Expired when d.is_dry then @DryRunBegan else @AnomalyEnded end
            from views.mitigations_v1 m
            left join views.kill_switch_v1 k on true
            left join views.contracts_v1 c using (tenant_id, service_code)
            left join lateral (
                select true as is_dry
                where exists (select from views.countermeasures_v1 s where s.tenant_id = m.tenant_id and s.mitigation_id = m.mitigation_id
                        and s.in_network and not s.withdrawing)
                    and {KnownPolicies.IsDry}) d on true
            where m.withdrawal_requested_at is null and m.ended_at is null
              and (k.engaged or m.sequence < k.sequence or m.held_until <= @now or m.expires_at <= @now or c.ended_at is not null or d.is_dry)
            """,
            new
            {
                now,
                KillSwitch = (int)WithdrawalReason.KillSwitch,
                ContractEnded = (int)WithdrawalReason.ContractEnded,
                Expired = (int)WithdrawalReason.Expired,
                DryRunBegan = (int)WithdrawalReason.DryRun,
                options.Value.DryRun,
                DryRunMode = (int)EnforcementMode.DryRun,
                AnomalyEnded = (int)WithdrawalReason.AnomalyEnded,
            });

        foreach (var (tenantId, mitigationId, reason) in due)
        {
            var relieve = new RelieveMitigation(mitigationId, options.Value.Hold, now);
            var note = reason is WithdrawalReason.DryRun ? "dry run: nothing of it may be in the network" : null;
            var withdraw = new WithdrawMitigation(mitigationId, reason, note, now);
            log.WithdrawalDue(mitigationId, reason);
            await Handle(
                tenantId,
                mitigationId,
                state => reason is WithdrawalReason.AnomalyEnded
                    ? MitigationDecider.Decide(state, relieve)
                    : MitigationDecider.Decide(state, withdraw),
                $"due:{reason}:{now.UtcTicks}", // begun anew, it is withdrawn anew for the same reason
                cancellation);
        }
    }

    private Task Handle(
        Guid tenantId, Guid mitigationId, Func<MitigationState, Decision<MitigationEvent>> decide, string cause, CancellationToken cancellation) => Alone(
        mitigationId,
        () => store.Tenant(TenantId.Of(tenantId)).Handle(MitigationState.Stream, mitigationId.ToString(), decide, new Cause(cause), cancellation),
        cancellation);

    /// <summary>One mitigation that cannot be brought on must not keep the others from their end.</summary>
    private async Task Alone(Guid mitigationId, Func<Task> work, CancellationToken cancellation)
    {
        try
        {
            await work();
        }
        catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
        {
            log.FailedAlone(fault, $"The withdrawal of mitigation {mitigationId}");
        }
    }
}
