using Platform.EventStore;
using Platform.Hosting;
using Platform.Retention.Erasures;
using Platform.Retention.Residual;
using Platform.Retention.Terms;

namespace Platform.Retention;

/// <summary>Everything that retention is made of.</summary>
internal static class RetentionModule
{
    public static EventCatalog Events { get; } = EventCatalog.Of(typeof(ErasureEvent), typeof(ResidualReadEvent));

    public static void AddRetention(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc();
        builder.AddEventStore(Events);
        builder.AddProjection<ContractErasures>();
        builder.AddPublications<ErasurePublications>();
        builder.AddMessaging("retention", bus =>
        {
            bus.AddConsumer<WhenContractTerminated>();
            bus.AddConsumer<WhenDataErased>();
            bus.AddConsumer<WhenIncidentReportPublished>();
            bus.AddConsumer<WhenThresholdsChanged>();
        });
        builder.AddValidatedOptions<ErasureOptions>(ErasureOptions.Section);
        builder.Services.AddHostedService<ErasureTimer>();
        builder.Services.AddSingleton<RetentionTerms>();
        builder.Services.AddSingleton<ListErasures>();
        builder.Services.AddSingleton<ListResidualDetections>();
        builder.Services.AddSingleton<ListResidualConfigurations>();
    }

    public static void MapRetention(this WebApplication app)
    {
        app.MapGrpcService<ErasuresService>();
        app.MapGrpcService<ResidualService>();
    }
}
