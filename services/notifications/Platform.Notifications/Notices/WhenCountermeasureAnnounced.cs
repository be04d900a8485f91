using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: a countermeasure is in force, so the customer is told which; not of what only lets allowed sources through.</summary>
internal sealed class WhenCountermeasureAnnounced(NoticePublisher notices) : IConsumer<CountermeasureAnnounced>
{
    public Task Consume(ConsumeContext<CountermeasureAnnounced> context)
    {
        var fact = context.Message;
        return fact.IsAllowance
            ? Task.CompletedTask
            : notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.CountermeasureAnnounced, new()
            {
                ["incident_id"] = $"{fact.AnomalyId:D}",
                ["kind"] = fact.Kind,
                ["route"] = fact.Route,
                ["announced_at"] = Invariant($"{fact.AnnouncedAt:O}"),
            });
    }
}
