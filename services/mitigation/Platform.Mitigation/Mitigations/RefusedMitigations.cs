using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.DefensePolicies;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Asks again for attacks that go on and were refused for what passes: no room under a cap, no means in the network, an engaged kill switch. When others give
/// room back, scrubbers return, or the switch is released, they are defended. The same of a vector that joined one that is defended, and found no room; of a
/// defence that the kill switch or a dry run ended; and of one that was only rehearsed, when the dry run is over.
/// </summary>
/// <remarks>Every replica may do it: one mitigation has its slots once, and begins once.</remarks>
internal sealed class RefusedMitigations(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    CurrentViews views,
    IOptions<MitigationOptions> options,
    TimeProvider clock,
    ILogger<RefusedMitigations> log) : BackgroundService
{
    /// <summary>
    /// Of many a few at a time, by lot, so that one that finds no room keeps no other from asking, and nobody waits for all of them. As many of those that stood,
    /// or were rehearsed, as of those that were refused: who releases the switch waits for no mild attacks of the day.
    /// </summary>
    private const int AtOnce = 50;

    /// <summary>
    /// From when it is counted for how long an end that was lost may be waited for: not from when the attack began, for those that last longest are defended
    /// longest. What the kill switch ended waits for its release.
    /// </summary>
    private const string LastTurn =
        """
        greatest(m.started_at, m.withdrawal_requested_at,
            case when m.withdrawn_for = @KillSwitch and m.withdrawal_requested_at > @longAgo then k.changed_at end)
        """;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await views.Network.Ensure(stoppingToken);
                await AskAgain(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.RefusedWait(fault);
            }
        }
    }

    private async Task AskAgain(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var refused = await connection.QueryAsync<Refused>(
            $"""
            select TenantId, MitigationId, AnomalyId, ServiceCode, Target, ObjectId, Grows
            from (
                select m.tenant_id as TenantId, m.mitigation_id as MitigationId, m.anomaly_id as AnomalyId, m.service_code as ServiceCode, m.target as Target,
                    m.object_id as ObjectId,
                    m.unanswered_for is not null and m.withdrawal_requested_at is null and m.ended_at is null as Grows,
                    row_number() over (partition by m.failure is null and m.unanswered_for is null order by random()) as Lot
                from views.mitigations_v1 m
                left join views.contracts_v1 c using (tenant_id, service_code)
                left join views.kill_switch_v1 k on true
                where (m.failure = any (@Passing) and m.evidence is not null and {LastTurn} > @since
                        or m.unanswered_for = any (@Passing) and m.withdrawal_requested_at is null and m.ended_at is null
                        or m.anomaly_id <> '00000000-0000-0000-0000-000000000000'
                            and (m.withdrawn_for in (@KillSwitch, @DryRunBegan) and m.failure is null and {LastTurn} > @since
                                or m.mode = @DryRunMode and m.withdrawal_requested_at is null and m.ended_at is null and not {KnownPolicies.IsDry}))
                    and m.held_until is null
                    and k.engaged is not true) asked
            where Lot <= @AtOnce
            """,
            new
            {
                MitigationRejections.Passing,
                since = clock.GetUtcNow() - options.Value.MaximumDuration,
                longAgo = clock.GetUtcNow() - options.Value.LongestStanding,
                KillSwitch = (short)WithdrawalReason.KillSwitch,
                DryRunBegan = (short)WithdrawalReason.DryRun,
                options.Value.DryRun,
                DryRunMode = (int)EnforcementMode.DryRun,
                AtOnce,
            });
        foreach (var it in refused)
        {
            try
            {
                await (it.Grows ? Grow(it, cancellation) : Begin(it, cancellation));
            }
            catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The refused mitigation {it.MitigationId}");
            }
        }
    }

    private async Task Begin(Refused it, CancellationToken cancellation)
    {
        if (await facts.Find(it.TenantId, it.ServiceCode, it.ObjectId ?? Guid.Empty, cancellation) is not { } defense)
        {
            return;
        }

        var (state, scope) = (await Load(it, cancellation), new MitigationScope(it.MitigationId, it.AnomalyId, it.ServiceCode));
        var start = new StartMitigation(scope, it.Target, state.Evidence, defense, clock.GetUtcNow(), it.ObjectId); // the view may not know yet to what it grew
        if (MitigationDecider.WaitsForScrubbers(start))
        {
            return;
        }

        switch (MitigationDecider.Decide(state, start))
        {
            case Decision<MitigationEvent>.Accepted([MitigationStarted, ..]):
                start = start with { Defense = await facts.WithSlots(defense, start, it.TenantId, cancellation) };
                break;

            case Decision<MitigationEvent>.Accepted([MitigationFailed, ..]) when state.RefusedFor is null || state.RefusedFor == MitigationRejections.KillSwitchIsEngaged.Code:
                break; // the switch is released, or the dry run over, and something else says no: that is news, once

            default:
                return; // whatever room there is: slots that are taken for nothing would keep others out
        }

        var decision = await Handle(it, current => MitigationDecider.Decide(current, start), cancellation);
        if (decision is Decision<MitigationEvent>.Accepted({ Count: > 0 }))
        {
            Telemetry.Decided(decision);
            log.Decided(it.AnomalyId, it.Target, decision);
        }
    }

    private async Task Grow(Refused it, CancellationToken cancellation)
    {
        if (await facts.Find(it.TenantId, it.ServiceCode, it.ObjectId ?? Guid.Empty, cancellation) is not { } defense)
        {
            return;
        }

        var (state, command) = (await Load(it, cancellation), new NoteEvidence(it.MitigationId, Evidence: [], defense, clock.GetUtcNow()));
        if (MitigationDecider.Decide(state, command) is Decision<MitigationEvent>.Accepted({ Count: > 0 }))
        {
            var more = Room.For(MitigationDecider.AddedBy(state, command));
            command = command with { Defense = await facts.WithMoreSlots(defense, it.TenantId, it.MitigationId, more, cancellation) };
            await Handle(it, current => MitigationDecider.Decide(current, command), cancellation);
        }
    }

    private async Task<MitigationState> Load(Refused it, CancellationToken cancellation) =>
        (await store.Tenant(TenantId.Of(it.TenantId)).Load(MitigationState.Stream, it.MitigationId.ToString(), cancellation)).State;

    private Task<Decision<MitigationEvent>> Handle(
        Refused it, Func<MitigationState, Decision<MitigationEvent>> decide, CancellationToken cancellation) => store.Tenant(TenantId.Of(it.TenantId)).Handle(
        MitigationState.Stream, it.MitigationId.ToString(), decide, new Cause($"again:{clock.GetUtcNow().UtcTicks}"), cancellation);

    private sealed record Refused(
        Guid TenantId, Guid MitigationId, Guid AnomalyId, string ServiceCode, string Target, Guid? ObjectId, bool Grows);
}
