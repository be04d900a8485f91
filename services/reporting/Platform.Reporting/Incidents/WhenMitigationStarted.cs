using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: defence was decided; whether it waits for a person is in the timeline.</summary>
internal sealed class WhenMitigationStarted(IncidentRecorder incidents) : IConsumer<MitigationStarted>
{
    public Task Consume(ConsumeContext<MitigationStarted> context)
    {
        var fact = context.Message;
        var details = new Dictionary<string, string> { ["target"] = fact.Target };
        if (fact.Mode is { } mode and not "automatic")
        {
            details["mode"] = mode;
        }

        if (fact.ByHand)
        {
            details["by"] = "operator";
        }

        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.MitigationStarted,
            fact.StartedAt,
            new IncidentFindings(fact.Target, ByHand: fact.ByHand ? fact.MitigationId : null),
            details);
    }
}
