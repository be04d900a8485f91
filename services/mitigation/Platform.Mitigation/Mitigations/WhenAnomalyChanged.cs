using MassTransit;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Reaction: an open anomaly gained a vector, so the step that stands gains what answers it. Before <see cref="AnomalyDetected"/> it says
/// nothing that the beginning will not say; the same vectors again change nothing.
/// </summary>
internal sealed class WhenAnomalyChanged(StreamStore store, DefenseFacts facts, TimeProvider clock) : IConsumer<AnomalyChanged>
{
    public async Task Consume(ConsumeContext<AnomalyChanged> context)
    {
        var (anomaly, cancellation) = (context.Message, context.CancellationToken);
        var mitigationId = DerivedId.OfMitigation(anomaly.AnomalyId);
        var session = store.Tenant(TenantId.Of(anomaly.TenantId));
        var (state, _) = await session.Load(MitigationState.Stream, mitigationId.ToString(), cancellation);
        var evidence = Evidence.Of(anomaly.Vectors);
        if (state.Status is not MitigationStatus.Standing
            || evidence.All(seen => state.Evidence.Any(known => known.Vector == seen.Vector))
            || await facts.Find(anomaly.TenantId, anomaly.ServiceCode, anomaly.ObjectId, cancellation) is not { } defense)
        {
            return;
        }

        var command = new NoteEvidence(mitigationId, evidence, defense, clock.GetUtcNow());
        var more = MitigationDecider.AddedBy(state, command).Count(spec => !spec.IsAllowance);
        command = command with { Defense = await facts.WithMoreSlots(defense, anomaly.TenantId, mitigationId, more, cancellation) };
        await session.Handle(
            MitigationState.Stream,
            mitigationId.ToString(),
            current => MitigationDecider.Decide(current, command),
            context.Cause(),
            cancellation);
    }
}
