using Microsoft.Extensions.Options;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Erasures;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Relearning;
using Platform.Detection.SecurityEvents;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;

namespace Platform.Detection;

/// <summary>Everything that the service is made of, in one place for program and tests.</summary>
internal static class DetectionModule
{
    /// <summary>Every event that this service stores.</summary>
    public static EventCatalog Events { get; } =
        EventCatalog.Of(typeof(ProtectedObjectEvent), typeof(AnomalyEvent), typeof(BandwidthEvent), typeof(ErasureEvent));

    public static void AddDetection(this WebApplicationBuilder builder)
    {
        builder.AddEventStore(Events);
        builder.AddMessaging("detection", bus =>
        {
            bus.AddConsumer<WhenContractSigned>();
            bus.AddConsumer<WhenContractChanged>();
            bus.AddConsumer<WhenContractTerminated>();
            bus.AddConsumer<WhenExporterFellSilent>();
            bus.AddConsumer<WhenExporterReturned>();
            bus.AddConsumer<WhenExporterConditionChanged>();
            bus.AddErasures();
        });

        builder.AddProjection<WatchedObjects>();
        builder.AddPublications<ProtectedObjectPublications>();

        builder.AddValidatedOptions<AnomalyOptions>(AnomalyOptions.Section);
        builder.AddProjection<KnownAnomalies>();
        builder.AddPublications<AnomalyPublications>();

        builder.AddProjection<BandwidthExcesses>();
        builder.Services.AddSingleton<UseRecorder>();
        builder.Services.AddHostedService(services => services.GetRequiredService<UseRecorder>());
        builder.Services.AddHostedService<SharedUse>();

        builder.AddWindows();

        builder.AddProjection<SecurityRecords>();
        builder.Services.AddSingleton<SecurityNotes>();
        builder.Services.AddHostedService<DetectorHealth>();
        builder.Services.AddHostedService<TelemetryWatch>();
        builder.Services.AddHostedService<OldNotes>();
        builder.Services.AddSingleton<ExporterTenants>();
        builder.Services.AddSingleton<ObjectExporters>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ObjectExporters>());

        builder.AddErasures<DetectionEraser>();
    }

    private static void AddWindows(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<WindowOptions>(WindowOptions.Section);
        builder.Services.AddSingleton<ObjectDirectory>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ObjectDirectory>());
        builder.Services.AddSingleton<FindingRecorder>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FindingRecorder>());
        builder.Services.AddSingleton<WindowJudges>();
        builder.AddValidatedOptions<LearningOptions>(LearningOptions.Section);
        builder.Services.AddSingleton<TrafficHistories>();
        builder.Services.AddSingleton<Relearnings>();
        builder.Services.AddSingleton<BaselineKeeper>();
        builder.Services.AddHostedService<BaselineSaving>();
        builder.Services.AddSingleton<FloorKeeper>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FloorKeeper>());
        builder.Services.AddSingleton<PartitionShares>();
        builder.Services.AddHostedService<WindowConsumer>();
        builder.Services.AddHostedService<AnomalyWarden>();
        builder.AddMigrationStep("telemetry topology", async (services, cancellation) =>
        {
            var broker = services.GetRequiredService<IOptions<RabbitMqOptions>>().Value;
            var windows = services.GetRequiredService<IOptions<WindowOptions>>().Value;
            await using var connection = await WindowConsumer.Connect(broker, "detection migrate", windows.Heartbeat, cancellation);
            await WindowTopology.Deploy(connection, windows, cancellation);
        });
    }
}
