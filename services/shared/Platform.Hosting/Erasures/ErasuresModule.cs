using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>The owner's side of dated deletion: hears what is due, lets the service erase, keeps and publishes the proof.</summary>
public static class ErasuresModule
{
    /// <summary>Makes the service an owner. Its <see cref="EventCatalog"/> must hold <see cref="ErasureEvent"/>.</summary>
    public static void AddErasures<T>(this WebApplicationBuilder builder)
        where T : class, IContractEraser
    {
        builder.Services.AddSingleton<IContractEraser, T>();
        builder.Services.AddSingleton<ErasedContracts>();
        builder.AddPublications<ErasurePublications>();
        builder.AddMigrationStep("erased contracts", (services, cancellation) =>
            new Migrator(services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<TimeProvider>())
                .Migrate(cancellation, typeof(ErasuresModule).Assembly));
    }

    /// <summary>Adds the consumer of what is due to the service's queues.</summary>
    public static void AddErasures(this IBusRegistrationConfigurator bus) => bus.AddConsumer<WhenErasureDue>();
}
