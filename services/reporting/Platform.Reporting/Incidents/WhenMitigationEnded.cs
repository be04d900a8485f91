using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: defence is over, so the report can be written once the attack is over too.</summary>
internal sealed class WhenMitigationEnded(IncidentRecorder incidents) : IConsumer<MitigationEnded>
{
    public Task Consume(ConsumeContext<MitigationEnded> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.MitigationEnded,
            fact.EndedAt,
            new IncidentFindings(MitigationResult: fact.Result, ByHand: fact.ByHand ? fact.MitigationId : null),
            new() { ["result"] = fact.Result });
    }
}
