using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;
using Platform.Mitigation.AlwaysOn;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.Effects;
using Platform.Mitigation.Erasures;
using Platform.Mitigation.KillSwitches;
using Platform.Mitigation.KnownContracts;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation;

/// <summary>Everything that the service is made of, in one place for program and tests.</summary>
internal static class MitigationModule
{
    /// <summary>Every event that this service stores.</summary>
    public static EventCatalog Events { get; } = EventCatalog.Of(
        typeof(MitigationEvent), typeof(DefensePolicyEvent), typeof(KillSwitchEvent), typeof(SpeakerEvent), typeof(AlwaysOnEvent), typeof(PoolEvent),
        typeof(ErasureEvent));

    public static void AddMitigation(this WebApplicationBuilder builder)
    {
        builder.AddEventStore(Events);
        builder.AddMessaging("mitigation", bus =>
        {
            bus.AddConsumer<WhenContractSigned>();
            bus.AddConsumer<WhenContractChanged>();
            bus.AddConsumer<WhenContractTerminated>();
            bus.AddConsumer<WhenAnomalyDetected>();
            bus.AddConsumer<WhenAnomalyChanged>();
            bus.AddConsumer<WhenAnomalyEnded>();
            bus.AddErasures();
        });

        builder.Services.AddSingleton<ContractDirectory>();

        builder.AddValidatedOptions<MitigationOptions>(MitigationOptions.Section);
        builder.AddProjection<KnownMitigations>();
        builder.AddPublications<MitigationPublications>();
        builder.Services.AddSingleton<CountermeasureSlots>();
        builder.Services.AddSingleton<DefenseFacts>();
        builder.Services.AddSingleton<LateAllowances>();
        builder.AddProjection<KnownPolicies>();
        builder.AddProjection<KillSwitchPosition>();
        builder.Services.AddSingleton<CurrentViews>();
        builder.Services.AddSingleton<WantedCountermeasures>();
        builder.Services.AddHostedService<RefusedMitigations>();
        builder.Services.AddHostedService<DueWithdrawals>();

        builder.AddValidatedOptions<BgpOptions>(BgpOptions.Section);
        builder.Services.AddSingleton<NetworkSeat>();
        builder.Services.AddSingleton<RetiredSpeakers>();
        builder.Services.AddSingleton<ReadBacks>();
        builder.Services.AddHostedService<AnnouncementReconciler>();
        builder.Services.AddHostedService<ExpiredRoutes>();
        builder.Services.AddHostedService<RoutesPastTheirEnd>();

        builder.AddValidatedOptions<ScrubberOptions>(ScrubberOptions.Section);
        builder.Services.AddSingleton<KnownScrubbers>();
        builder.Services.AddScrubberAuthorization();

        builder.AddEffects();

        builder.Services.AddSingleton<KnownCapacity>();
        builder.Services.AddHostedService<PoolWatch>();
        builder.AddProjection<AlwaysOnOrders>();
        builder.Services.AddHostedService<AlwaysOnKeeper>();

        builder.AddErasures<MitigationEraser>();
    }

    private static void AddEffects(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<EffectOptions>(EffectOptions.Section);
        builder.Services.AddSingleton<TargetTraffic>();
        builder.Services.AddSingleton<TrafficListener>();
        builder.Services.AddHostedService<EffectMeter>();
        builder.AddMigrationStep("telemetry topology", (services, cancellation) =>
            TrafficListener.Deploy(services.GetRequiredService<IOptions<RabbitMqOptions>>().Value, cancellation));
    }
}
