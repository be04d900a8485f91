using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: what stands does not help, and nothing follows for now; the incident says why.</summary>
internal sealed class WhenMitigationStepRefused(IncidentRecorder incidents) : IConsumer<MitigationStepRefused>
{
    public Task Consume(ConsumeContext<MitigationStepRefused> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.StepRefused,
            fact.RefusedAt,
            IncidentFindings.None,
            new() { ["code"] = fact.Code, ["detail"] = fact.Detail });
    }
}
