using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: no countermeasure could be put in force.</summary>
internal sealed class WhenMitigationFailed(IncidentRecorder incidents) : IConsumer<MitigationFailed>
{
    public Task Consume(ConsumeContext<MitigationFailed> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.MitigationFailed,
            fact.FailedAt,
            IncidentFindings.None,
            new() { ["code"] = fact.Code, ["detail"] = fact.Detail });
    }
}
