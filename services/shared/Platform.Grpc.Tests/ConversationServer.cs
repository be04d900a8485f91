using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Platform.Grpc.Tests;

/// <summary>A real Kestrel on a free loopback port that serves a <see cref="Conversation"/> as the test tells it to.</summary>
internal sealed class ConversationServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ConversationServer(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Channel = GrpcChannel.ForAddress(Address);
    }

    public Uri Address { get; }

    public GrpcChannel Channel { get; }

    public Conversation.ConversationClient Client => new(Channel);

    public static async Task<ConversationServer> Start(
        Script script, Action<WebApplicationBuilder>? services = null, Action<WebApplication>? pipeline = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton(script);
        builder.Services.AddGrpc();
        services?.Invoke(builder);
        var app = builder.Build();
        pipeline?.Invoke(app);
        app.MapGrpcService<ConversationService>();
        await app.StartAsync();
        return new(app);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}

/// <summary>What the service does. Unset methods are not implemented.</summary>
internal sealed class Script
{
    public Func<Line, ServerCallContext, Task<Line>>? Say { get; init; }

    public Func<IAsyncStreamReader<Line>, ServerCallContext, Task<Line>>? Collect { get; init; }

    public Func<Line, IServerStreamWriter<Line>, ServerCallContext, Task>? Recite { get; init; }

    public Func<IAsyncStreamReader<Line>, IServerStreamWriter<Line>, ServerCallContext, Task>? Converse { get; init; }
}

internal sealed class ConversationService(Script script) : Conversation.ConversationBase
{
    public override Task<Line> Say(Line request, ServerCallContext context) =>
        script.Say is { } say ? say(request, context) : base.Say(request, context);

    public override Task<Line> Collect(IAsyncStreamReader<Line> requestStream, ServerCallContext context) =>
        script.Collect is { } collect ? collect(requestStream, context) : base.Collect(requestStream, context);

    public override Task Recite(Line request, IServerStreamWriter<Line> responseStream, ServerCallContext context) =>
        script.Recite is { } recite ? recite(request, responseStream, context) : base.Recite(request, responseStream, context);

    public override Task Converse(
        IAsyncStreamReader<Line> requestStream, IServerStreamWriter<Line> responseStream, ServerCallContext context) =>
        script.Converse is { } converse ? converse(requestStream, responseStream, context) : base.Converse(requestStream, responseStream, context);
}
