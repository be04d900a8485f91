using Platform.EventStore;

namespace Platform.Notifications.Notices;

/// <summary>Tell a customer.</summary>
internal sealed record PublishNotice(
    Guid NoticeId, string ServiceCode, string Kind, IReadOnlyDictionary<string, string> Details, DateTimeOffset At);

/// <summary>The rules of a notice: a message is told once.</summary>
internal static class NoticeDecider
{
    public static Decision<NoticeEvent> Decide(NoticeState current, PublishNotice command) => current.Kind is null
        ? new NoticePublished(
            command.NoticeId, command.ServiceCode, command.Kind, command.Details, PublishedAt: command.At)
        : Decision<NoticeEvent>.Unchanged;
}
