using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: no countermeasure could be put in force, so the customer is told why.</summary>
internal sealed class WhenMitigationFailed(NoticePublisher notices) : IConsumer<MitigationFailed>
{
    public Task Consume(ConsumeContext<MitigationFailed> context)
    {
        var fact = context.Message;
        return notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.MitigationFailed, new()
        {
            ["incident_id"] = $"{fact.AnomalyId:D}",
            ["code"] = fact.Code,
            ["detail"] = fact.Detail,
            ["failed_at"] = Invariant($"{fact.FailedAt:O}"),
        });
    }
}
