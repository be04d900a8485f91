using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>The service's own database. Bound from the <c>ConnectionStrings</c> section.</summary>
public sealed class PostgresOptions : IValidatableObject
{
    /// <summary>Name of the section.</summary>
    public const string Section = "ConnectionStrings";

    /// <summary>Npgsql connection string with the service's own database and role. A secret as a whole: it holds the password.</summary>
    [Required(ErrorMessage = "must hold the connection string of the service's own database, from a secret.")]
    public string Postgres { get; init; } = "";

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        ValidationResult? refusal = null;
        try
        {
            _ = new NpgsqlConnectionStringBuilder(Postgres);
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException)
        {
            refusal = new("must be a connection string such as Host=...;Database=...;Username=...;Password=....", [nameof(Postgres)]);
        }

        return refusal is null ? [] : [refusal];
    }
}

/// <summary>
/// Where the key that wraps data keys comes from. Bound from the <c>Sealing</c> section, by services whose events have sealed properties.
/// </summary>
public sealed class SealingOptions : IValidatableObject
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Sealing";

    private const string Allowed = "must name a file that exists and holds base64 keys of 32 bytes, one per line.";

    /// <summary>File with base64 keys of 32 bytes, one per line: the first wraps, all of them unwrap.</summary>
    [Required(ErrorMessage = Allowed)]
    public string KeyFile { get; init; } = "";

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        ValidationResult? refusal = null;
        try
        {
            _ = MasterKey.FromFile(KeyFile);
        }
        catch (Exception unreadable) when (unreadable is FormatException or IOException or UnauthorizedAccessException)
        {
            refusal = new(Allowed, [nameof(KeyFile)]);
        }

        return refusal is null ? [] : [refusal];
    }
}

/// <summary>Streams, views and the relay of a service.</summary>
public static class Persistence
{
    /// <summary>
    /// Database, streams, the relay, and <c>migrate</c> for the store's tables and the service's own (<c>Schema/*.sql</c>, embedded in the
    /// assembly that calls).
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // the calling assembly is meant
    public static void AddEventStore(this WebApplicationBuilder builder, EventCatalog events)
    {
        var service = Assembly.GetCallingAssembly();
        builder.AddValidatedOptions<PostgresOptions>(PostgresOptions.Section);
        if (events.Seals)
        {
            builder.AddValidatedOptions<SealingOptions>(SealingOptions.Section);
            builder.Services.AddHealthChecks().AddCheck<SealingHealth>("sealing");
        }

        builder.Services.AddSingleton(provider =>
        {
            var source = new NpgsqlDataSourceBuilder(provider.GetRequiredService<IOptions<PostgresOptions>>().Value.Postgres);
            StreamStore.Tune(source.ConnectionStringBuilder);
            source.UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>());
            return source.Build();
        });
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning);
        builder.Services.AddSingleton(provider => events.Seals
            ? events.SealWith(MasterKey.FromFile(provider.GetRequiredService<IOptions<SealingOptions>>().Value.KeyFile))
            : events);
        builder.Services.AddSingleton(provider => new StreamStore(
            provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<EventCatalog>(), provider.GetRequiredService<TimeProvider>(), ClockState.Now));
        builder.Services.AddSingleton<EventFeed>();
        builder.Services.AddHostedService<EventRelay>();
        builder.Services.AddHostedService<FeedWatch>();
        builder.Services.AddHostedService<AnchorKeeper>();
        builder.Services.AddHealthChecks()
            .AddCheck<DatabaseHealth>("database")
            .AddCheck<ViewsHealth>("views");
        builder.AddMigrationStep("database", (provider, cancellation) =>
            new Migrator(provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<TimeProvider>()).Migrate(cancellation, service));
    }

    /// <summary>Keeps a view current; one replica works, any takes over.</summary>
    public static void AddProjection<T>(this WebApplicationBuilder builder)
        where T : class, IProjection
    {
        builder.Services.AddSingleton<T>();
        builder.Services.AddSingleton<IProjection>(provider => provider.GetRequiredService<T>());
        builder.Services.AddSingleton(provider => new ProjectionRunner(
            provider.GetRequiredService<StreamStore>(), provider.GetRequiredService<T>(), provider.GetRequiredService<ILogger<ProjectionRunner>>()));
        builder.Services.AddSingleton<IHostedService>(provider =>
        {
            var name = provider.GetRequiredService<T>().Name;
            return new ProjectionHost(provider.GetServices<ProjectionRunner>().Single(runner => runner.Name == name));
        });
    }

    /// <summary>Lets the relay publish what these publications answer.</summary>
    public static void AddPublications<T>(this WebApplicationBuilder builder)
        where T : class, IPublications => builder.Services.AddSingleton<IPublications, T>();

    /// <summary>The command <c>rebuild NAME</c>: beside the running service, which goes on.</summary>
    internal static async Task<int> Rebuild(IServiceProvider services, string name, ILogger log)
    {
        var runners = services.GetServices<ProjectionRunner>().ToDictionary(runner => runner.Name);
        if (!runners.TryGetValue(name, out var runner))
        {
            log.NoProjection(name, string.Join(", ", runners.Keys.Order()));
            return 1;
        }

        await runner.Rebuild(CancellationToken.None);
        log.Rebuilt(name);
        return 0;
    }

    /// <summary>The command <c>republish SINCE</c>: beside the running service or before it runs.</summary>
    internal static async Task<int> Republish(IServiceProvider services, string text, ILogger log)
    {
        if (!DateTimeOffset.TryParse(
            text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal | System.Globalization.DateTimeStyles.AdjustToUniversal, out var since))
        {
            log.NoTime(text);
            return 1;
        }

        log.Republishes(await services.GetRequiredService<EventFeed>().Rewind(EventRelay.Checkpoint, since, CancellationToken.None), since);
        return 0;
    }

    private sealed class ProjectionHost(ProjectionRunner runner) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => runner.Run(stoppingToken);
    }

    private sealed class DatabaseHealth(NpgsqlDataSource database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await using var ping = database.CreateCommand("select 1"); // a failure is an exception, which the framework reports
            await ping.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class SealingHealth(StreamStore store) : IHealthCheck
    {
        private static readonly HealthCheckResult _anotherKey =
            HealthCheckResult.Unhealthy("No line of Sealing:KeyFile opens the keys in the database: it is another installation's, or a line was removed.");

        // A pod with the wrong key must not take the place of one that can read.
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            await store.OpensItsKeys(cancellationToken) ? HealthCheckResult.Healthy() : _anotherKey;
    }

    private sealed class ViewsHealth(IEnumerable<ProjectionRunner> runners) : IHealthCheck
    {
        // Degraded, not unhealthy: the pod still decides rightly; what it shows stands still until someone repairs the view.
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(runners.Select(runner => runner.Failure).FirstOrDefault(failure => failure is not null) is { } stopped
                ? HealthCheckResult.Degraded(stopped.Reason)
                : HealthCheckResult.Healthy());
    }
}
