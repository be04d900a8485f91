using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Receiving;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion;

/// <summary>Everything that ingestion is made of.</summary>
internal static class IngestionModule
{
    public static EventCatalog Events { get; } = EventCatalog.Of(typeof(ExporterEvent));

    public static void AddIngestion(this WebApplicationBuilder builder)
    {
        builder.AddEventStore(Events);
        builder.AddProjection<RegisteredExporters>();
        builder.AddPublications<ExporterPublications>();
        builder.AddMessaging("ingestion", bus =>
        {
            bus.AddConsumer<WhenThresholdsChanged>();
            bus.AddConsumer<WhenProtectedObjectRetired>();
        });
        builder.AddMigrationStep("telemetry exchange", (services, cancellation) =>
            WindowPublisher.DeclareExchange(services.GetRequiredService<IOptions<RabbitMqOptions>>().Value, cancellation));
        builder.AddValidatedOptions<FlowsOptions>(FlowsOptions.Section);
        builder.AddValidatedOptions<WindowOptions>(WindowOptions.Section);
        builder.Services.AddSingleton<IngestionMetrics>();
        builder.Services.AddSingleton<WindowQueue>();
        builder.Services.AddSingleton<ProtectedObjects>();
        builder.Services.AddSingleton(_ => new ExporterRegistry());
        builder.Services.AddSingleton<ListExporters>();
        builder.Services.AddSingleton<GetExporter>();
        builder.Services.AddSingleton<ProtectedObjectsLoader>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ProtectedObjectsLoader>());
        builder.Services.AddHostedService<ExporterWatch>();
        // Stopped in reverse: first the receivers hand on their last windows, then the publisher sends them.
        builder.Services.AddHostedService<WindowPublisher>();
        builder.Services.AddHostedService<FlowReceivers>();
        builder.Services.AddGrpc();
    }

    public static void MapIngestion(this WebApplication app) => app.MapGrpcService<ExportersService>();
}
