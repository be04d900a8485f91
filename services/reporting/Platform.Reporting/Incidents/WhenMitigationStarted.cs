using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: defence began.</summary>
internal sealed class WhenMitigationStarted(IncidentRecorder incidents) : IConsumer<MitigationStarted>
{
    public Task Consume(ConsumeContext<MitigationStarted> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.MitigationStarted,
            fact.StartedAt,
            new IncidentFindings(fact.Target),
            new() { ["target"] = fact.Target });
    }
}
