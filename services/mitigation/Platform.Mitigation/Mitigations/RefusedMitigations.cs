using System.Text.Json;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Asks again for attacks that go on and were refused for what passes: no room under a cap, no means in the network. When others give room back, or
/// scrubbers return, they are defended. The same of a vector that joined one that is defended, and found no room.
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
    /// <summary>Of many a few at a time, by lot, so that one that finds no room keeps no other from asking, and nobody waits for all of them.</summary>
    private const int AtOnce = 50;

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
            """
            select tenant_id as TenantId, mitigation_id as MitigationId, anomaly_id as AnomalyId, service_code as ServiceCode, target as Target,
                object_id as ObjectId, evidence::text as Evidence, failure is null as Stands
            from views.mitigations_v1
            where (failure = any (@Passing) and evidence is not null and started_at > @since
                    or unanswered_for = any (@Passing) and withdrawal_requested_at is null and ended_at is null)
                and held_until is null
            order by random() limit @AtOnce
            """,
            new { MitigationRejections.Passing, since = clock.GetUtcNow() - options.Value.MaximumDuration, AtOnce });
        foreach (var it in refused)
        {
            try
            {
                await (it.Stands ? Grow(it, cancellation) : Begin(it, cancellation));
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

        var evidence = JsonSerializer.Deserialize<VectorEvidence[]>(it.Evidence, EventCatalog.Json)!;
        var scope = new MitigationScope(it.MitigationId, it.AnomalyId, it.ServiceCode);
        var start = new StartMitigation(scope, it.Target, evidence, defense, clock.GetUtcNow(), it.ObjectId);
        if (MitigationDecider.Decide(await Load(it, cancellation), start) is not Decision<MitigationEvent>.Accepted([MitigationStarted, ..]))
        {
            return; // whatever room there is: slots that are taken for nothing would keep others out
        }

        start = start with { Defense = await facts.WithSlots(defense, start, it.TenantId, cancellation) };
        var decision = await Handle(it, current => MitigationDecider.Decide(current, start), cancellation);
        if (decision is Decision<MitigationEvent>.Accepted([MitigationStarted, ..]))
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
            var more = MitigationDecider.AddedBy(state, command).Count(spec => !spec.IsAllowance);
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
        Guid TenantId, Guid MitigationId, Guid AnomalyId, string ServiceCode, string Target, Guid? ObjectId, string Evidence, bool Stands);
}
