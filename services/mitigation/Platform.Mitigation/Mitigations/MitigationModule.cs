using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Erasures;
using Platform.Mitigation.KnownContracts;

namespace Platform.Mitigation.Mitigations;

internal static class MitigationModule
{
    /// <summary>Every event that this service stores.</summary>
    public static EventCatalog Events { get; } = EventCatalog.Of(typeof(MitigationEvent), typeof(ErasureEvent));

    public static void AddMitigations(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<MitigationOptions>(MitigationOptions.Section);
        builder.AddProjection<KnownMitigations>();
        builder.AddPublications<MitigationPublications>();
        builder.Services.AddSingleton<ContractDirectory>();
        builder.Services.AddSingleton<CountermeasureSlots>();
        builder.Services.AddHostedService<DueWithdrawals>();
    }
}
