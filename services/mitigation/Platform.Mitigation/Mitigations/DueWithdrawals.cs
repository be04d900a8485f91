using System.Collections.Immutable;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Withdraws what is due: the hold has passed, the mitigation expired, its contract ended or gave the prefix up, or the kill switch is engaged. Every replica may run it: deciding twice
/// changes nothing.
/// </summary>
internal sealed class DueWithdrawals(
    NpgsqlDataSource database,
    StreamStore store,
    CountermeasureSlots slots,
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
            try
            {
                await WithdrawDue(stoppingToken);
                await DropForeign(stoppingToken);
                await ClearFiltersOfNobody(stoppingToken);
                await slots.ReleaseAbandoned(stoppingToken);
            }
            catch (NpgsqlException unreachable) when (!stoppingToken.IsCancellationRequested)
            {
                log.DueWithdrawalsWait(unreachable.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Filters in scrubbers end by themselves when their lease has run out: then they are gone without anybody to say so.</summary>
    private async Task ClearFiltersOfNobody(CancellationToken cancellation)
    {
        var lease = scrubberOptions.Value.Lease;
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var left = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, Guid CountermeasureId, string? Pool, string[] Heard)>(
            """
            select tenant_id, mitigation_id, countermeasure_id, pool, array(select name from views.scrubbers_v1 where heard_at > @since)
            from views.countermeasures_v1
            where in_network and withdrawing and not withdrawn and kind = @Scrubbing
            """,
            new { Scrubbing = (short)CountermeasureKind.Scrubbing, since = clock.GetUtcNow() - lease });
        foreach (var (tenantId, mitigationId, countermeasureId, pool, heard) in left)
        {
            if (heard.Any(agent => scrubberOptions.Value.Serves(agent, pool)))
            {
                continue; // it says so itself
            }


            var gone = new ConfirmClearance(
                new Dictionary<Guid, ImmutableHashSet<string>> { [countermeasureId] = ["lease"] }, "lease", clock.GetUtcNow());
            await store.Tenant(TenantId.Of(tenantId)).Handle(
                MitigationState.Stream,
                mitigationId.ToString(),
                state => MitigationDecider.Decide(state, gone),
                new Cause($"lease:{countermeasureId:N}:{clock.GetUtcNow().UtcTicks}"),
                cancellation);
        }
    }

    /// <summary>What the contract protected when it was decided and does not any more: the prefix may be somebody else's by now.</summary>
    private async Task DropForeign(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var foreign = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, Guid CountermeasureId)>(
            """
            select m.tenant_id, m.mitigation_id, s.countermeasure_id
            from views.mitigations_v1 m
            join views.contracts_v1 c using (tenant_id, service_code)
            join views.countermeasures_v1 s using (tenant_id, mitigation_id)
            where m.withdrawal_requested_at is null and m.ended_at is null and c.ended_at is null
              and s.in_network and not s.withdrawing and not (s.prefix <<= any (c.prefixes))
            """);
        foreach (var (tenantId, mitigationId, countermeasureId) in foreign)
        {
            var drop = new DropCountermeasure(
                mitigationId, countermeasureId, "The contract does not protect this prefix any more.", clock.GetUtcNow(), WithdrawalReason.ContractEnded);
            await store.Tenant(TenantId.Of(tenantId)).Handle(
                MitigationState.Stream,
                mitigationId.ToString(),
                state => MitigationDecider.Decide(state, drop),
                new Cause($"due:foreign:{countermeasureId:N}:{clock.GetUtcNow().UtcTicks}"),
                cancellation);
        }
    }

    private async Task WithdrawDue(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var due = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, WithdrawalReason Reason, DateTime? HeldUntil)>(
            """
            select m.tenant_id, m.mitigation_id,
                case when k.engaged or m.sequence < k.sequence then @KillSwitch when c.ended_at is not null then @ContractEnded
                    when m.expires_at <= @now then @Expired else @AnomalyEnded end, m.held_until
            from views.mitigations_v1 m
            left join views.kill_switch_v1 k on true
            left join views.contracts_v1 c using (tenant_id, service_code)
            where m.withdrawal_requested_at is null and m.ended_at is null
              and (k.engaged or m.sequence < k.sequence or m.held_until <= @now or m.expires_at <= @now or c.ended_at is not null)
            """,
            new
            {
                now,
                KillSwitch = (int)WithdrawalReason.KillSwitch,
                ContractEnded = (int)WithdrawalReason.ContractEnded,
                Expired = (int)WithdrawalReason.Expired,
                AnomalyEnded = (int)WithdrawalReason.AnomalyEnded,
            });

        foreach (var (tenantId, mitigationId, reason, heldUntil) in due)
        {
            var relieve = new RelieveMitigation(mitigationId, options.Value.Hold, now);
            var withdraw = new WithdrawMitigation(mitigationId, reason, Note: null, now);
            await store.Tenant(TenantId.Of(tenantId)).Handle(
                MitigationState.Stream,
                mitigationId.ToString(),
                state => reason is WithdrawalReason.AnomalyEnded
                    ? MitigationDecider.Decide(state, relieve)
                    : MitigationDecider.Decide(state, withdraw),
                new Cause($"due:{reason}:{heldUntil?.Ticks}"), // each hold ends once
                cancellation);
            log.WithdrawalDue(mitigationId, reason);
        }
    }
}
