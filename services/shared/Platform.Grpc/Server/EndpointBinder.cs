using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
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
            UnaryServerMethod<TRequest, TResponse> serve = (request, context) => call(service, request, context);
            serve = Interceptors(exchange).Aggregate(serve, (inner, outer) => (request, context) =>
                outer.UnaryServerHandler(request, context, inner));
            await exchange.WriteSingle(await serve(await exchange.ReadSingle(), exchange.Context));
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>>>(method);
        Map(method, call.Method, async (service, exchange) =>
        {
            ClientStreamingServerMethod<TRequest, TResponse> serve = (requests, context) => call(service, requests, context);
            serve = Interceptors(exchange).Aggregate(serve, (inner, outer) => (requests, context) =>
                outer.ClientStreamingServerHandler(requests, context, inner));
            await exchange.WriteSingle(await serve(exchange, exchange.Context));
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method);
        Map(method, call.Method, async (service, exchange) =>
        {
            ServerStreamingServerMethod<TRequest, TResponse> serve = (request, responses, context) => call(service, request, responses, context);
            serve = Interceptors(exchange).Aggregate(serve, (inner, outer) => (request, responses, context) =>
                outer.ServerStreamingServerHandler(request, responses, context, inner));
            await serve(await exchange.ReadSingle(), exchange, exchange.Context);
        });
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var call = Find<Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(method);
        Map(method, call.Method, (service, exchange) =>
        {
            DuplexStreamingServerMethod<TRequest, TResponse> serve = (requests, responses, context) =>
                call(service, requests, responses, context);
            serve = Interceptors(exchange).Aggregate(serve, (inner, outer) => (requests, responses, context) =>
                outer.DuplexStreamingServerHandler(requests, responses, context, inner));
            return serve(exchange, exchange, exchange.Context);
        });
    }

    /// <summary>The last comes first: it is next to the method.</summary>
    private IEnumerable<Interceptor> Interceptors<TRequest, TResponse>(ServerExchange<TRequest, TResponse> exchange)
        where TRequest : class
        where TResponse : class => _options.Interceptors.Reverse().Select(type =>
            (Interceptor)ActivatorUtilities.GetServiceOrCreateInstance(exchange.Context.GetHttpContext().RequestServices, type));

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
