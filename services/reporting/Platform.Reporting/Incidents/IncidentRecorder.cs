using MassTransit;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Reporting.Erasures;

namespace Platform.Reporting.Incidents;

/// <summary>Writes what a consumer heard into the incident's stream, unless the contract's data has been erased.</summary>
internal sealed class IncidentRecorder(StreamStore store, ErasedContracts erased, TimeProvider clock)
{
    public Task Record<T>(
        ConsumeContext<T> context,
        Guid tenantId,
        Guid anomalyId,
        string serviceCode,
        string step,
        DateTimeOffset happenedAt,
        IncidentFindings findings,
        Dictionary<string, string> details)
        where T : class
    {
        var command = new RecordStep(
            context.MessageId ?? throw new InvalidOperationException("A fact without message id has no identity."),
            anomalyId,
            serviceCode,
            step,
            happenedAt,
            ActorOf(step),
            findings,
            details,
            clock.GetUtcNow());
        return erased.Unless(
            serviceCode,
            () => store.Tenant(TenantId.Of(tenantId)).Handle(
                IncidentState.Stream,
                $"{anomalyId:D}",
                state => IncidentDecider.Decide(state, command),
                context.Cause(),
                context.CancellationToken),
            context.CancellationToken);
    }

    private static string ActorOf(string step) => step.StartsWith("anomaly-", StringComparison.Ordinal) ? "detection" : "mitigation";
}
