using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Notifications.Notices;

/// <summary>What the rules need to remember about one notice.</summary>
/// <param name="ServiceCode">Null until it is published.</param>
/// <param name="Kind">Null until it is published.</param>
internal sealed record NoticeState(string? ServiceCode, string? Kind)
{
    public static readonly StreamType<NoticeState, NoticeEvent> Stream =
        new("notice", new NoticeState(null, null), Evolve);

    public static NoticeState Evolve(NoticeState current, NoticeEvent happened) => happened switch
    {
        NoticePublished e => new(e.ServiceCode, e.Kind),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the notice stream."),
    };
}
