using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Platform.Grpc.Tests;

/// <summary>A real Kestrel on a free loopback port.</summary>
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

    public IServiceProvider Services => _app.Services;

    /// <summary>Serves a <see cref="Conversation"/> as the script tells it to.</summary>
    public static Task<ConversationServer> Start(Script script, Action<WebApplicationBuilder>? configure = null) =>
        Start<ScriptedConversation>(builder =>
        {
            builder.Services.AddSingleton(script);
            configure?.Invoke(builder);
        });

    /// <summary>Serves a class of its own.</summary>
    public static Task<ConversationServer> Start<TService>(
        Action<WebApplicationBuilder>? configure = null, Action<WebApplication>? pipeline = null)
        where TService : class => StartApp(
            builder =>
            {
                builder.Services.AddGrpc();
                configure?.Invoke(builder);
            },
            app =>
            {
                pipeline?.Invoke(app);
                app.MapGrpcService<TService>();
            });

    /// <summary>Answers every request by hand, well or badly.</summary>
    public static Task<ConversationServer> StartRaw(RequestDelegate answer, HttpProtocols protocols = HttpProtocols.Http2) =>
        StartApp(_ => { }, app => app.Run(answer), protocols);

    public static async Task<ConversationServer> StartApp(
        Action<WebApplicationBuilder> configure, Action<WebApplication> pipeline, HttpProtocols protocols = HttpProtocols.Http2)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = protocols));
        configure(builder);
        var app = builder.Build();
        pipeline(app);
        await app.StartAsync();
        return new(app);
    }

    public Task Stop(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
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

    /// <summary>Repeats what it hears.</summary>
    public static Script Echo => new()
    {
        Say = (line, _) => Task.FromResult(line),
        Collect = async (lines, _) => new Line { Text = string.Join(' ', await lines.ReadAllAsync().Select(line => line.Text).ToListAsync()) },
        Recite = async (line, lines, _) =>
        {
            for (var i = 0; i < line.Count; i++)
            {
                await lines.WriteAsync(new Line { Text = line.Text, Count = i });
            }
        },
        Converse = async (heard, said, _) =>
        {
            await foreach (var line in heard.ReadAllAsync())
            {
                await said.WriteAsync(line);
            }
        },
    };
}

internal sealed class ScriptedConversation(Script script) : Conversation.ConversationBase
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
