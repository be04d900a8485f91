using System.Text.Json;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Asks again for attacks that go on and were refused for what passes: no room under a cap, no means in the network. When others give room back, or
/// scrubbers return, they are defended.
/// </summary>
/// <remarks>Every replica may do it: one mitigation has its slots once, and begins once.</remarks>
internal sealed class RefusedMitigations(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    IOptions<MitigationOptions> options,
    TimeProvider clock,
    ILogger<RefusedMitigations> log)
{
    /// <summary>Of many a few at a time, by lot, so that one that finds no room keeps no other from asking, and nobody waits for all of them.</summary>
    private const int AtOnce = 50;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private DateTimeOffset _asked;

    public async Task AskAgain(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (now - _asked < Interval)
        {
            return;
        }

        _asked = now;
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var refused = await connection.QueryAsync<(Guid TenantId, Guid MitigationId, Guid AnomalyId, string ServiceCode, string Target, Guid? ObjectId, string Evidence)>(
            """
            select tenant_id, mitigation_id, anomaly_id, service_code, target, object_id, evidence::text
            from views.mitigations_v1
            where failure = any (@Passing) and held_until is null and evidence is not null and started_at > @since
            order by random() limit @AtOnce
            """,
            new { MitigationRejections.Passing, since = now - options.Value.MaximumDuration, AtOnce });
        foreach (var (tenantId, mitigationId, anomalyId, serviceCode, target, objectId, evidence) in refused)
        {
            var scope = new MitigationScope(mitigationId, anomalyId, serviceCode);
            try
            {
                await AskAgain(tenantId, scope, target, objectId, JsonSerializer.Deserialize<VectorEvidence[]>(evidence, EventCatalog.Json)!, cancellation);
            }
            catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The refused mitigation {mitigationId}");
            }
        }
    }

    private async Task AskAgain(
        Guid tenantId, MitigationScope scope, string target, Guid? objectId, IReadOnlyList<VectorEvidence> evidence, CancellationToken cancellation)
    {
        var (session, key) = (store.Tenant(TenantId.Of(tenantId)), scope.MitigationId.ToString());
        var (state, _) = await session.Load(MitigationState.Stream, key, cancellation);
        if (await facts.Find(tenantId, scope.ServiceCode, objectId ?? Guid.Empty, cancellation) is not { } defense)
        {
            return;
        }

        var start = new StartMitigation(scope, target, evidence, defense, clock.GetUtcNow(), objectId);
        if (MitigationDecider.Decide(state, start) is not Decision<MitigationEvent>.Accepted([MitigationStarted, ..]))
        {
            return; // whatever room there is: slots that are taken for nothing would keep others out
        }

        start = start with { Defense = await facts.WithSlots(defense, start, tenantId, cancellation) };
        var decision = await session.Handle(
            MitigationState.Stream, key, current => MitigationDecider.Decide(current, start), new Cause($"again:{start.At.UtcTicks}"), cancellation);
        if (decision is Decision<MitigationEvent>.Accepted([MitigationStarted, ..]))
        {
            Telemetry.Decided(decision);
            log.Decided(scope.AnomalyId, target, decision);
        }
    }
}
