using MassTransit;
using Microsoft.Extensions.Options;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.KnownContracts;

namespace Platform.Mitigation.Mitigations;

/// <summary>Reaction: an anomaly was detected, so its target is defended at once, as far as the safety rails allow.</summary>
internal sealed class WhenAnomalyDetected(
    StreamStore store,
    ContractDirectory contracts,
    CountermeasureSlots slots,
    IOptions<MitigationOptions> options,
    TimeProvider clock,
    ILogger<WhenAnomalyDetected> log) : IConsumer<AnomalyDetected>
{
    public async Task Consume(ConsumeContext<AnomalyDetected> context)
    {
        var anomaly = context.Message;
        var scope = new MitigationScope(DerivedId.OfMitigation(anomaly.AnomalyId), anomaly.AnomalyId, anomaly.ServiceCode);
        var session = store.Tenant(TenantId.Of(anomaly.TenantId));
        var (_, version) = await session.Load(MitigationState.Stream, scope.MitigationId.ToString(), context.CancellationToken);
        if (version > 0)
        {
            return; // answered before; a second answer must not take a slot
        }

        // Facts of accounts and detection come over different queues: the contract may still be on its way.
        var contract = await contracts.Find(anomaly.TenantId, anomaly.ServiceCode, context.CancellationToken)
            ?? throw new TimeoutException($"Contract {anomaly.ServiceCode} is not known yet; the anomaly waits.");
        var slot = await slots.Take(anomaly.TenantId, scope.MitigationId, context.CancellationToken);
        var command = new StartMitigation(
            scope, anomaly.Target, contract, slot, options.Value.MaximumDuration, clock.GetUtcNow());

        var decision = await session.Handle(
            MitigationState.Stream,
            scope.MitigationId.ToString(),
            state => MitigationDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);

        Telemetry.Decided(decision);
        log.Decided(anomaly.AnomalyId, anomaly.Target, decision);
    }
}
