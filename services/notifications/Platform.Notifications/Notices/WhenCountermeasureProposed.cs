using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: a countermeasure waits for approval, so whoever may agree is told what, with the ids that the approval names.</summary>
internal sealed class WhenCountermeasureProposed(NoticePublisher notices) : IConsumer<CountermeasureProposed>
{
    public Task Consume(ConsumeContext<CountermeasureProposed> context)
    {
        var fact = context.Message;
        return notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.CountermeasureProposed, new()
        {
            ["incident_id"] = $"{fact.AnomalyId:D}",
            ["mitigation_id"] = $"{fact.MitigationId:D}",
            ["countermeasure_id"] = $"{fact.CountermeasureId:D}",
            ["kind"] = fact.Kind,
            ["route"] = fact.Route,
            ["proposed_at"] = Invariant($"{fact.ProposedAt:O}"),
        });
    }
}
