using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Server;

/// <summary>Makes an endpoint of each method that generated code names.</summary>
internal sealed class EndpointBinder<TService>(IEndpointRouteBuilder routes) : ServiceBinderBase
    where TService : class
{
    private static readonly ObjectFactory<TService> Create = ActivatorUtilities.CreateFactory<TService>([]);

    private readonly GrpcServiceOptions _options = routes.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;
    private readonly TimeProvider _clock = routes.ServiceProvider.GetService<TimeProvider>() ?? TimeProvider.System;
    private readonly ILogger _log = routes.ServiceProvider.GetRequiredService<ILoggerFactory>()
        .CreateLogger("Grpc.AspNetCore.Server.ServerCallHandler");

    public List<IEndpointConventionBuilder> Endpoints { get; } = [];

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, TRequest, ServerCallContext, Task<TResponse>>>(method);
        Map(method, call.Method, async (service, exchange) =>
        {
            var request = await exchange.ReadSingle();
            await exchange.WriteSingle(await call(service, request, exchange.Context));
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>>>(method);
        Map(method, call.Method, async (service, exchange) => await exchange.WriteSingle(await call(service, exchange, exchange.Context)));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method);
        Map(method, call.Method, async (service, exchange) => await call(service, await exchange.ReadSingle(), exchange, exchange.Context));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method);
        Map(method, call.Method, (service, exchange) => call(service, exchange, exchange, exchange.Context));
    }

    private static TMethod Find<TMethod>(IMethod method)
        where TMethod : Delegate
    {
        var parameters = typeof(TMethod).GetGenericArguments()[1..^1]; // between the service and the result
        var implementation = typeof(TService).GetMethod(method.Name, parameters)
            ?? throw new MissingMethodException(typeof(TService).FullName, method.Name);
        return implementation.CreateDelegate<TMethod>();
    }

    private void Map<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        MethodInfo implementation,
        Func<TService, ServerExchange<TRequest, TResponse>, Task> serve)
        where TRequest : class
        where TResponse : class
    {
        var endpoint = routes.MapPost(method.FullName, (RequestDelegate)(http => Serve(http, method, serve)));
        endpoint.Add(builder =>
        {
            builder.DisplayName = $"gRPC - {method.FullName}";
            builder.Metadata.Add(new GrpcMethodMetadata(typeof(TService), method));
            foreach (var attribute in typeof(TService).GetCustomAttributes(inherit: true).Concat(implementation.GetCustomAttributes(inherit: true)))
            {
                builder.Metadata.Add(attribute);
            }
        });
        Endpoints.Add(endpoint);
    }

    private async Task Serve<TRequest, TResponse>(
        HttpContext http, Method<TRequest, TResponse> method, Func<TService, ServerExchange<TRequest, TResponse>, Task> serve)
        where TRequest : class
        where TResponse : class
    {
        if (HttpRefusal(http) is { } refusal)
        {
            http.Response.StatusCode = refusal;
            return;
        }

        using var context = new HttpServerCallContext(http, method, _clock);
        try
        {
            context.Open();
            var exchange = new ServerExchange<TRequest, TResponse>(context, method, _options.MaxReceiveMessageSize);
            if (http.RequestServices.GetService<TService>() is { } registered)
            {
                await serve(registered, exchange);
            }
            else
            {
                await using var service = new Disposing(Create(http.RequestServices, []));
                await serve(service.Instance, exchange);
            }
        }
        catch (Exception reason)
        {
            context.Fail(reason, _log);
        }

        context.SendStatus();
    }

    /// <summary>HTTP status for what is not gRPC at all; null for what is.</summary>
    private static int? HttpRefusal(HttpContext http)
    {
        if (!Headers.IsGrpc(http.Request.ContentType))
        {
            return StatusCodes.Status415UnsupportedMediaType;
        }

        return HttpProtocol.IsHttp2(http.Request.Protocol) || HttpProtocol.IsHttp3(http.Request.Protocol)
            ? null
            : StatusCodes.Status426UpgradeRequired;
    }

    private readonly record struct Disposing(TService Instance) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            if (Instance is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync();
            }
            else
            {
                (Instance as IDisposable)?.Dispose();
            }
        }
    }
}
