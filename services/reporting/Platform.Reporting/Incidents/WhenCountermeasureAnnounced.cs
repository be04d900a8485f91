using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: a countermeasure is in force.</summary>
internal sealed class WhenCountermeasureAnnounced(IncidentRecorder incidents) : IConsumer<CountermeasureAnnounced>
{
    public Task Consume(ConsumeContext<CountermeasureAnnounced> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.CountermeasureAnnounced,
            fact.AnnouncedAt,
            new IncidentFindings(InForce: fact.IsAllowance ? null : fact.CountermeasureId),
            new() { ["kind"] = fact.Kind, ["route"] = fact.Route, ["speaker"] = fact.Speaker });
    }
}
