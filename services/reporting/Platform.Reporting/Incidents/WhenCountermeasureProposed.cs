using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: a countermeasure waits for a person who agrees.</summary>
internal sealed class WhenCountermeasureProposed(IncidentRecorder incidents) : IConsumer<CountermeasureProposed>
{
    public Task Consume(ConsumeContext<CountermeasureProposed> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.CountermeasureProposed,
            fact.ProposedAt,
            IncidentFindings.None,
            new() { ["kind"] = fact.Kind, ["route"] = fact.Route });
    }
}
