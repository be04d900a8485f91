using System.Diagnostics.Metrics;

namespace Platform.Notifications;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    private static readonly Meter Meter = new("Platform.Notifications");

    private static readonly Counter<long> Notices = Meter.CreateCounter<long>(
        "platform.notifications.notices", "{notice}", "Notices published in portals, by kind.");

    public static void Published(string kind) => Notices.Add(1, new KeyValuePair<string, object?>("kind", kind));
}
