using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Testing;

namespace Platform.Scrubber.Tests;

/// <summary>What stands outside the agent: it says what shall be filtered, hears what is, and can go away.</summary>
public sealed class AController : IAsyncDisposable
{
    private readonly int _port = Loopback.FreePort();
    private WebApplication? _app;

    public Uri Address => new($"http://127.0.0.1:{_port}");

    public IReadOnlyList<Filter> Filters { get; set; } = [];

    public IReadOnlyList<string> Diverted { get; set; } = [];

    public ReturnPath? ReturnPath { get; set; }

    public long LeaseSeconds { get; set; } = 300;

    public SyncFiltersRequest Heard { get; private set; } = new();

    /// <summary>Everything that was heard.</summary>
    public ConcurrentQueue<SyncFiltersRequest> All { get; } = [];

    public string? Token { get; private set; }

    public async Task Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(kestrel => kestrel.ListenLocalhost(_port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton(this);
        builder.Services.AddGrpc();
        _app = builder.Build();
        _app.MapGrpcService<Service>();
        await _app.StartAsync();
    }

    public async Task Stop()
    {
        if (_app is { } app)
        {
            _app = null;
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await Stop();

    /// <summary>A filter to this destination.</summary>
    public static Filter Filter(string destination, Rule rule, long expiresInSeconds = 3600) => new()
    {
        FilterId = new Guid(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16)).ToString(),
        Destination = destination,
        Rule = rule,
        ExpiresInSeconds = expiresInSeconds,
    };

    internal sealed class Service(AController controller) : Contracts.Grpc.Mitigation.V1.Scrubbers.ScrubbersBase
    {
        public override Task<SyncFiltersResponse> SyncFilters(SyncFiltersRequest request, ServerCallContext context)
        {
            controller.Heard = request;
            controller.All.Enqueue(request);
            controller.Token = context.RequestHeaders.GetValue("x-platform-scrubber");
            return Task.FromResult(new SyncFiltersResponse
            {
                Filters = { controller.Filters },
                LeaseSeconds = controller.LeaseSeconds,
                Diverted = { controller.Diverted },
                ReturnPath = controller.ReturnPath,
            });
        }
    }
}
