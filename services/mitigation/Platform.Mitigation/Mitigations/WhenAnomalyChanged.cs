using MassTransit;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Reaction: an open anomaly gained a vector or grew graver, so the step that stands gains what answers it, and graver steps may follow. What was too
/// mild for every step, found no room, or was ended by the kill switch is asked again. It says all that <see cref="AnomalyDetected"/> does, which comes over another queue and may be lost: heard
/// first, it begins the defence. The same vectors again change nothing.
/// </summary>
internal sealed class WhenAnomalyChanged(StreamStore store, DefenseFacts facts, TimeProvider clock, ILogger<WhenAnomalyChanged> log)
    : IConsumer<AnomalyChanged>
{
    public async Task Consume(ConsumeContext<AnomalyChanged> context)
    {
        var (anomaly, cancellation) = (context.Message, context.CancellationToken);
        var mitigationId = DerivedId.OfMitigation(anomaly.AnomalyId);
        var session = store.Tenant(TenantId.Of(anomaly.TenantId));
        var (state, _) = await session.Load(MitigationState.Stream, mitigationId.ToString(), cancellation);
        var evidence = Evidence.Of(anomaly.Vectors, anomaly.Explanation, anomaly.Prefixes);
        var begins = state.Status is MitigationStatus.None or MitigationStatus.Refused || state.IsInterrupted;
        if (!(begins || IsNews(state)))
        {
            return;
        }

        var defense = await facts.Find(anomaly.TenantId, anomaly.ServiceCode, anomaly.ObjectId, cancellation)
            ?? throw new TimeoutException($"Contract {anomaly.ServiceCode} is not known; the anomaly waits.");

        if (begins)
        {
            await Begin();
            (state, _) = await session.Load(MitigationState.Stream, mitigationId.ToString(), cancellation); // its beginning may have been heard in the same moment
        }

        if (IsNews(state))
        {
            await Grow();
        }

        bool IsNews(MitigationState known) => known.Status is MitigationStatus.Standing
            && (MitigationDecider.SaysMore(known, evidence) || MitigationDecider.TellsMoreOfBefore(known, evidence, anomaly.ChangedAt));

        async Task Begin()
        {
            var scope = state.Scope ?? new MitigationScope(mitigationId, anomaly.AnomalyId, anomaly.ServiceCode);
            var start = new StartMitigation(
                scope, anomaly.Target, evidence, defense, clock.GetUtcNow(), anomaly.ObjectId, IsOutgoing: anomaly.Direction == "out");
            if (MitigationDecider.WaitsForScrubbers(start))
            {
                throw Unheard();
            }

            start = start with { Defense = await facts.WithSlots(defense, start, anomaly.TenantId, cancellation) };
            var decision = await Handle(current => MitigationDecider.Decide(current, start));
            Telemetry.Decided(decision);
            log.Decided(anomaly.AnomalyId, anomaly.Target, decision);
        }

        async Task Grow()
        {
            var command = new NoteEvidence(mitigationId, evidence, defense, clock.GetUtcNow(), anomaly.ChangedAt);
            if (MitigationDecider.WaitsForScrubbers(state, command))
            {
                throw Unheard();
            }

            var more = Room.For(MitigationDecider.AddedBy(state, command));
            command = command with { Defense = await facts.WithMoreSlots(defense, anomaly.TenantId, mitigationId, more, cancellation) };
            await Handle(current => MitigationDecider.Decide(current, command));
        }

        static TimeoutException Unheard() => new("The scrubbers had no time yet to be heard; the anomaly waits.");

        Task<Decision<MitigationEvent>> Handle(Func<MitigationState, Decision<MitigationEvent>> decide) =>
            session.Handle(MitigationState.Stream, mitigationId.ToString(), decide, context.Cause(), cancellation);
    }
}
