using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: an operator says that it was no attack, so the incident says so too, also after its report.</summary>
internal sealed class WhenAnomalyMarkedFalse(IncidentRecorder incidents) : IConsumer<AnomalyMarkedFalse>
{
    public Task Consume(ConsumeContext<AnomalyMarkedFalse> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.AnomalyMarkedFalse,
            fact.MarkedAt,
            IncidentFindings.None,
            fact.Role is { } role ? new() { ["role"] = role } : [],
            actor: fact.MarkedBy);
    }
}
