using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;
using Platform.Notifications.Erasures;
using Platform.Notifications.Notices;

namespace Platform.Notifications;

/// <summary>Everything that notifications is made of.</summary>
internal static class NotificationsModule
{
    public static EventCatalog Events { get; } = EventCatalog.Of(typeof(NoticeEvent), typeof(ErasureEvent));

    public static void AddNotifications(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc();
        builder.AddEventStore(Events);
        builder.AddProjection<PortalNotices>();
        builder.AddPublications<NoticePublications>();
        builder.AddMessaging("notifications", bus =>
        {
            bus.AddConsumer<WhenAnomalyDetected>();
            bus.AddConsumer<WhenCountermeasureProposed>();
            bus.AddConsumer<WhenCountermeasureAnnounced>();
            bus.AddConsumer<WhenAnomalyEnded>();
            bus.AddConsumer<WhenMitigationFailed>();
            bus.AddConsumer<WhenErasureCertified>();
            bus.AddErasures();
        });
        builder.Services.AddSingleton<NoticePublisher>();
        builder.AddErasures<NoticeEraser>();
        builder.Services.AddSingleton<ListNotices>();
    }

    public static void MapNotifications(this WebApplication app)
    {
        app.MapGrpcService<NoticesService>();
    }
}
