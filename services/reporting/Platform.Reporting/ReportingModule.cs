using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;
using Platform.Reporting.Erasures;
using Platform.Reporting.Incidents;

namespace Platform.Reporting;

/// <summary>Everything that reporting is made of.</summary>
internal static class ReportingModule
{
    public static EventCatalog Events { get; } = EventCatalog.Of(typeof(IncidentEvent), typeof(ErasureEvent));

    public static void AddReporting(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc();
        builder.AddEventStore(Events);
        builder.AddProjection<IncidentTimelines>();
        builder.AddPublications<IncidentPublications>();
        builder.AddMessaging("reporting", bus =>
        {
            bus.AddConsumer<WhenAnomalyDetected>();
            bus.AddConsumer<WhenAnomalyChanged>();
            bus.AddConsumer<WhenAnomalyEnded>();
            bus.AddConsumer<WhenAnomalyMarkedFalse>();
            bus.AddConsumer<WhenMitigationStarted>();
            bus.AddConsumer<WhenCountermeasureProposed>();
            bus.AddConsumer<WhenCountermeasureAnnounced>();
            bus.AddConsumer<WhenCountermeasureMeasured>();
            bus.AddConsumer<WhenCountermeasureWithdrawn>();
            bus.AddConsumer<WhenMitigationEnded>();
            bus.AddConsumer<WhenMitigationFailed>();
            bus.AddConsumer<WhenMitigationStepRefused>();
            bus.AddErasures();
        });
        builder.AddValidatedOptions<ReportOptions>(ReportOptions.Section);
        builder.Services.AddHostedService<UndefendedIncidentReporter>();
        builder.Services.AddSingleton<IncidentRecorder>();
        builder.AddErasures<IncidentEraser>();
        builder.Services.AddSingleton<ListIncidents>();
        builder.Services.AddSingleton<GetIncident>();
    }

    public static void MapReporting(this WebApplication app)
    {
        app.MapGrpcService<IncidentsService>();
    }
}
