using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Platform.Hosting;

/// <summary>Makes a process one of the suite's services: the same settings, health, telemetry, authorisation and commands everywhere.</summary>
public static class PlatformHost
{
    /// <summary>Telemetry, health, problem details, callers and policies, clock, listeners. Call first.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="service">Name of the service in lower case, for example <c>mitigation</c>.</param>
    public static WebApplicationBuilder AddPlatform(this WebApplicationBuilder builder, string service)
    {
        builder.Services.AddSingleton(new ServiceIdentity(service));
        LineFormatter.Add(builder.Logging);
        // Services protect nothing with it; the gateway sets it up with a folder of its own.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        builder.AddClock();
        builder.AddTelemetry(service);
        builder.AddCallers();
        builder.AddValidatedOptions<ListenOptions>(ListenOptions.Section);
        Linger.Add(builder);
        builder.Services.AddProblemDetails();
        builder.Services.AddHealthChecks();
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            ListenOptions listen;
            try
            {
                listen = kestrel.ApplicationServices.GetRequiredService<IOptions<ListenOptions>>().Value;
            }
            catch (OptionsValidationException)
            {
                return; // we are asked while the application is built; MapPlatform refuses the start a moment later, and says why
            }

            kestrel.Listen(IPEndPoint.Parse(listen.Health), endpoint => endpoint.Protocols = HttpProtocols.Http1);
            if (listen.Grpc is not null)
            {
                kestrel.Listen(IPEndPoint.Parse(listen.Grpc), endpoint => endpoint.Protocols = HttpProtocols.Http2);
            }

            if (listen.Public is not null)
            {
                kestrel.Listen(IPEndPoint.Parse(listen.Public), endpoint => endpoint.Protocols = HttpProtocols.Http1AndHttp2);
            }
        });
        return builder;
    }

    /// <summary><c>/healthz/live</c> (the process answers), <c>/healthz/ready</c> (database and broker answer) and <c>/metrics</c>, on the health listener only.</summary>
    public static WebApplication MapPlatform(this WebApplication app)
    {
        StopOnInvalidSettings(app);
        var port = $"*:{IPEndPoint.Parse(app.Services.GetRequiredService<IOptions<ListenOptions>>().Value.Health).Port}";
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapHealthChecks("/healthz/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous().RequireHost(port);
        app.MapHealthChecks("/healthz/ready", new HealthCheckOptions { ResponseWriter = WriteHealth }).AllowAnonymous().RequireHost(port);
        app.MapGet("/metrics", (PrometheusExporter metrics) => Results.Text(metrics.Scrape(), PrometheusExporter.ContentType))
            .AllowAnonymous().RequireHost(port).ExcludeFromDescription();
        return app;
    }

    /// <summary>
    /// Runs the service, or with the argument <c>migrate</c> brings database and broker to this version and ends,
    /// with <c>verify</c> proves the event streams and ends with 1 when something in them is not as it was written,
    /// with <c>rebuild NAME</c> builds a view anew from them, beside the one in use,
    /// with <c>republish SINCE</c> tells all facts since that time once more (<c>2030-01-01T00:00:00Z</c>), after a restore that lost what queues held.
    /// with <c>faults QUEUE</c> says what lies in an error queue and why, with <c>requeue QUEUE</c> gives it back to the queue that it came from.
    /// A port in use, like a setting out of range before, ends the process with code 78 (configuration error) and one line that says what to change.
    /// </summary>
    public static async Task<int> RunPlatformAsync(this WebApplication app, string[] args)
    {
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Platform.Hosting");
        try
        {
            if (args is ["migrate", ..])
            {
                await Migrate(app.Services, log);
                return 0;
            }

            if (args is ["verify", ..])
            {
                return await Verification.Run(app.Services, log);
            }

            if (args is ["rebuild", var projection, ..])
            {
                return await Persistence.Rebuild(app.Services, projection, log);
            }

            if (args is ["republish", var since, ..])
            {
                return await Persistence.Republish(app.Services, since, log);
            }

            if (args is ["faults" or "requeue", var queue, ..])
            {
                return await ErrorQueue.Read(app.Services, queue, giveBack: args[0] == "requeue", log);
            }

            await app.RunAsync();
            return 0;
        }
        catch (IOException inUse) when (inUse.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            log.AddressInUse(inUse.Message);
            return ConfigurationError;
        }
        finally
        {
            await app.DisposeAsync(); // flushes the console logger, so that the reason of a refused start is seen
        }
    }

    /// <summary>Adds something that <c>migrate</c> does, in the order of registration. Must be repeatable.</summary>
    public static void AddMigrationStep(
        this WebApplicationBuilder builder, string name, Func<IServiceProvider, CancellationToken, Task> apply) =>
        builder.Services.AddSingleton(new MigrationStep(name, apply));

    /// <summary>Binds, validates and registers options; a value outside its range stops the start with section, value and range.</summary>
    public static T AddValidatedOptions<T>(this WebApplicationBuilder builder, string section)
        where T : class, new()
    {
        var settings = builder.Configuration.GetSection(section);
        builder.Services.AddSingleton<IValidateOptions<T>>(new SettingsValidator<T>(section));
        builder.Services.AddOptions<T>().Configure(options => SettingsValidator<T>.Bind(settings, options)).ValidateOnStart();
        try
        {
            return settings.Get<T>() ?? new T();
        }
        catch (InvalidOperationException)
        {
            return new T(); // not readable: the start is refused with the others, in StopOnInvalidSettings
        }
    }

    /// <summary>Waits for a database that is not there yet, as at a first install, and says so; the bus waits for its broker by itself.</summary>
    private static async Task Migrate(IServiceProvider services, ILogger log)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        var began = clock.GetTimestamp();
        foreach (var step in services.GetServices<MigrationStep>())
        {
            while (true)
            {
                try
                {
                    await step.Apply(services, CancellationToken.None);
                    break;
                }
                catch (Exception away) when (away is NpgsqlException { IsTransient: true } or SocketException && clock.GetElapsedTime(began) < MigrationPatience)
                {
                    log.MigrationWaits(step.Name, away.Message, MigrationPause);
                    await Task.Delay(MigrationPause, clock);
                }
            }

            log.Migrated(step.Name);
        }
    }

    /// <summary>Before anything is resolved, so that the answer is one line per setting and not a stack trace from the depths.</summary>
    private static void StopOnInvalidSettings(WebApplication app)
    {
        try
        {
            app.Services.GetService<IStartupValidator>()?.Validate();
            return;
        }
        catch (Exception invalid) when (invalid is OptionsValidationException or AggregateException)
        {
            var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Platform.Hosting");
            var all = invalid is AggregateException several ? several.InnerExceptions : [invalid];
            foreach (var failure in all.OfType<OptionsValidationException>().SelectMany(one => one.Failures))
            {
                log.InvalidSetting(failure);
            }
        }

        ((IDisposable)app).Dispose(); // flushes the console logger, so that the reason is seen
        Environment.Exit(ConfigurationError);
    }

    private static readonly TimeSpan MigrationPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MigrationPatience = TimeSpan.FromMinutes(5);

    private const int ConfigurationError = 78; // EX_CONFIG of sysexits.h

    private static Task WriteHealth(HttpContext http, Microsoft.Extensions.Diagnostics.HealthChecks.HealthReport report) =>
        http.Response.WriteAsJsonAsync(new
        {
            status = report.Status.ToString(),
            checks = report.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Status.ToString()),
        });
}

/// <summary>Which service this process is.</summary>
/// <param name="Name">Lower case, for example <c>mitigation</c>; prefix of queues and metrics.</param>
public sealed record ServiceIdentity(string Name)
{
    /// <summary>Actor of what the service does by itself, for example <c>service:mitigation</c>.</summary>
    public string Actor => $"service:{Name}";
}

/// <summary>One thing that <c>migrate</c> does.</summary>
internal sealed record MigrationStep(string Name, Func<IServiceProvider, CancellationToken, Task> Apply);
