using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: a countermeasure is no longer in force.</summary>
internal sealed class WhenCountermeasureWithdrawn(IncidentRecorder incidents) : IConsumer<CountermeasureWithdrawn>
{
    public Task Consume(ConsumeContext<CountermeasureWithdrawn> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.CountermeasureWithdrawn,
            fact.WithdrawnAt,
            new IncidentFindings(Gone: fact.CountermeasureId),
            new() { ["reason"] = fact.Reason });
    }
}
