using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>What a service says leaves for the collector, whole: a log line names the trace it was written in.</summary>
public sealed partial class OtlpTests : IDisposable
{
    private static readonly ActivitySource Source = new("Platform.OtlpTests");
    private readonly TemporaryFolder _folder = new("otlp");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Traces_metrics_and_logs_reach_the_collector_with_the_service_and_one_trace_id()
    {
        var received = new ConcurrentDictionary<string, byte[]>();
        await using var collector = await Collector(received);
        await using var app = Service(collector.Urls.Single());
        await app.StartAsync(Cancellation);
        ActivityTraceId trace;
        using (var activity = Source.StartActivity("ring"))
        {
            Assert.NotNull(activity);
            trace = activity.TraceId;
            Rang(app.Logger);
        }

        await app.StopAsync(Cancellation); // what was not sent yet is sent before the end

        Assert.Equal(["/v1/logs", "/v1/metrics", "/v1/traces"], received.Keys.Order(StringComparer.Ordinal));
        Assert.All(received.Values, body => Assert.True(Holds(body, "otlp-bells"u8)));
        var id = new byte[16];
        trace.CopyTo(id);
        Assert.True(Holds(received["/v1/traces"], id) && Holds(received["/v1/traces"], "ring"u8));
        Assert.True(Holds(received["/v1/logs"], id) && Holds(received["/v1/logs"], "The bell rang."u8));
        Assert.True(Holds(received["/v1/metrics"], "dotnet.process.cpu.time"u8));
    }

    [Fact]
    [Trait("Requirement", "R190")]
    public async Task The_bus_tells_nobody_outside_how_it_is_used()
    {
        await using var app = Bells.Build(_folder.FullName, "Host=127.0.0.1;Database=bells", "127.0.0.1", 1, "bells", "bells", "none");
        Assert.False(app.Services.GetRequiredService<IOptions<UsageTelemetryOptions>>().Value.Enabled);
    }

    public void Dispose() => _folder.Dispose();

    private WebApplication Service(string collector)
    {
        var verification = Path.Combine(_folder.FullName, "caller.pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(verification, key.ExportSubjectPublicKeyInfoPem());
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Listen:Health"] = $"127.0.0.1:{Loopback.FreePort()}",
            ["Caller:VerificationKeyFile"] = verification,
            ["Telemetry:Otlp"] = collector,
        });
        builder.AddPlatform("otlp-bells");
        var app = builder.Build();
        app.MapPlatform();
        return app;
    }

    private static async Task<WebApplication> Collector(ConcurrentDictionary<string, byte[]> received)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{Loopback.FreePort()}");
        var collector = builder.Build();
        collector.MapPost("/v1/{signal}", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            received.AddOrUpdate(request.Path, body.ToArray(), (_, before) => [.. before, .. body.ToArray()]);
            return Results.Ok();
        });
        await collector.StartAsync(Cancellation);
        return collector;
    }

    private static bool Holds(byte[] body, ReadOnlySpan<byte> part) => body.AsSpan().IndexOf(part) >= 0;

    [LoggerMessage(LogLevel.Information, "The bell rang.")]
    private static partial void Rang(ILogger log);
}
