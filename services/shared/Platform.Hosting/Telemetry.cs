using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Platform.Hosting;

/// <summary>Where traces, metrics and logs go. Bound from the <c>Telemetry</c> section.</summary>
public sealed class TelemetryOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Telemetry";

    /// <summary>OTLP/HTTP collector, for example <c>http://collector:4318</c>. Unset: metrics are only scraped, traces go nowhere.</summary>
    public Uri? Otlp { get; init; }

    /// <summary>Share of traces that are recorded when the caller has not decided, 0 to 1. Default 1.</summary>
    [Range(0.0, 1.0)]
    public double TraceRatio { get; init; } = 1.0;
}

internal static class TelemetrySetup
{
    // Sources and meters of the framework and libraries; ours all begin with "Platform.".
    private static readonly string[] Sources = ["Platform.*", "Microsoft.AspNetCore", "System.Net.Http", "Npgsql", "MassTransit"];

    private static readonly string[] Meters =
    [
        "Platform.*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime", "Npgsql", "MassTransit",
    ];

    public static void AddTelemetry(this WebApplicationBuilder builder, string service)
    {
        var options = builder.AddValidatedOptions<TelemetryOptions>(TelemetryOptions.Section);
        var resource = ResourceBuilder.CreateDefault().AddService(service, "platform", serviceInstanceId: Environment.MachineName);

        ClockState.Measure();
        builder.Services.AddSingleton<PrometheusExporter>();
        builder.Services.AddSingleton(_ => Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TraceRatio)))
            .AddSource(Sources)
            .To(options, "v1/traces", (traces, export) => traces.AddOtlpExporter(export))
            .Build());
        builder.Services.AddSingleton(services => Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter(Meters)
            .AddView("messaging.masstransit.*.active", MetricStreamConfiguration.Drop) // counters that count down too: no scraper could read them
            .AddReader(new BaseExportingMetricReader(services.GetRequiredService<PrometheusExporter>()))
            .To(options, "v1/metrics", (metrics, export) => metrics.AddOtlpExporter(export))
            .Build());
        builder.Logging.AddOpenTelemetry(logs => logs
            .SetResourceBuilder(resource)
            .To(options, "v1/logs", (target, export) => target.AddOtlpExporter(export)));

        // First to start and last to stop, so that what the others say while stopping is still sent.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService, TelemetryLifetime>());
    }

    private static T To<T>(this T builder, TelemetryOptions options, string path, Func<T, Action<OtlpExporterOptions>, T> add) =>
        options.Otlp is null
            ? builder
            : add(builder, export =>
            {
                export.Protocol = OtlpExportProtocol.HttpProtobuf;
                export.Endpoint = new Uri(options.Otlp, path);
            });

    /// <summary>What OpenTelemetry.Extensions.Hosting would do: builds the providers at start, flushes them at stop.</summary>
    private sealed class TelemetryLifetime(TracerProvider traces, MeterProvider metrics, LoggerProvider logs) : IHostedService
    {
        private const int FlushMilliseconds = 2000;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            traces.ForceFlush(FlushMilliseconds);
            metrics.ForceFlush(FlushMilliseconds);
            logs.ForceFlush(FlushMilliseconds);
            return Task.CompletedTask;
        }
    }
}
