using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Notifications.V1;

namespace Platform.Notifications.Notices;

/// <summary>What neighbours may know of a notice: that it is there; the content is asked for.</summary>
internal sealed class NoticePublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is NoticePublished e
        ? new Published.NoticePublished
        {
            TenantId = recorded.TenantId.ToGuid(),
            NoticeId = e.NoticeId,
            ServiceCode = e.ServiceCode,
            Kind = e.Kind,
            PublishedAt = e.PublishedAt,
        }
        : null;
}
