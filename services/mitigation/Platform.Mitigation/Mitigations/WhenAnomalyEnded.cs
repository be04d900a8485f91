using MassTransit;
using Microsoft.Extensions.Options;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>Reaction: an anomaly ended, so the hold begins. May come before <see cref="AnomalyDetected"/>; the stream remembers it.</summary>
internal sealed class WhenAnomalyEnded(StreamStore store, IOptions<MitigationOptions> options, TimeProvider clock)
    : IConsumer<AnomalyEnded>
{
    public async Task Consume(ConsumeContext<AnomalyEnded> context)
    {
        var anomaly = context.Message;
        var scope = new MitigationScope(DerivedId.OfMitigation(anomaly.AnomalyId), anomaly.AnomalyId, anomaly.ServiceCode);
        var command = new NoteAnomalyEnd(scope, options.Value.Hold, anomaly.EndedAt, clock.GetUtcNow());

        await store.Tenant(TenantId.Of(anomaly.TenantId)).Handle(
            MitigationState.Stream,
            scope.MitigationId.ToString(),
            state => MitigationDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
    }
}
