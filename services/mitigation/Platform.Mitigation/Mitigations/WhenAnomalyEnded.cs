using Dapper;
using MassTransit;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Reaction: an anomaly ended, so the hold begins; not when it ended because no telemetry is heard. May come before <see cref="AnomalyDetected"/>; the
/// stream remembers it.
/// </summary>
internal sealed class WhenAnomalyEnded(NpgsqlDataSource database, StreamStore store, IOptions<MitigationOptions> options, TimeProvider clock)
    : IConsumer<AnomalyEnded>
{
    /// <summary>Within this time an attack on the same target is the same one that comes back.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromHours(1);
    private const string NobodyKnows = "telemetry-missing";

    public async Task Consume(ConsumeContext<AnomalyEnded> context)
    {
        var anomaly = context.Message;
        var scope = new MitigationScope(DerivedId.OfMitigation(anomaly.AnomalyId), anomaly.AnomalyId, anomaly.ServiceCode);
        var hold = options.Value.HoldAfter(await DefendedBefore(anomaly, scope.MitigationId, context.CancellationToken));
        var command = new NoteAnomalyEnd(scope, hold, anomaly.EndedAt, clock.GetUtcNow(), anomaly.Until);

        await store.Tenant(TenantId.Of(anomaly.TenantId)).Handle(
            MitigationState.Stream,
            scope.MitigationId.ToString(),
            state => anomaly.Reason == NobodyKnows ? MitigationDecider.Decide(state, new NoteSightLost(command)) : MitigationDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
    }

    private async Task<int> DefendedBefore(AnomalyEnded anomaly, Guid mitigationId, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.ExecuteScalarAsync<int>(
            """
            select count(*) from views.mitigations_v1
            where tenant_id = @TenantId and started_at > @since and target = @Target and mitigation_id <> @mitigationId and failure is null
              and anomaly_id <> '00000000-0000-0000-0000-000000000000'
            """,
            new { anomaly.TenantId, anomaly.Target, mitigationId, since = clock.GetUtcNow() - Recent });
    }
}
