using System.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Platform.Grpc.Server;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps gRPC services to endpoints.</summary>
public static class GrpcEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps each method of a service to an endpoint. Attributes of the class and of the method become metadata of the endpoint, so
    /// that for example <c>[Authorize]</c> and <c>[AllowAnonymous]</c> have their effect. Each call gets an instance of its own,
    /// made with the services of its request, unless the class is registered itself.
    /// </summary>
    /// <typeparam name="TService">Class derived from the generated base.</typeparam>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        if (builder.ServiceProvider.GetService<GrpcMarker>() is null)
        {
            throw new InvalidOperationException("Call builder.Services.AddGrpc() first.");
        }

        var bound = typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException($"{typeof(TService)} does not derive from a generated service base.");
        var binder = new EndpointBinder<TService>(builder);
        bound.BindType
            .GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Single(method => method.Name == bound.BindMethodName && method.GetParameters()[0].ParameterType == typeof(ServiceBinderBase))
            .Invoke(null, [binder, null]);
        return new GrpcServiceEndpointConventionBuilder(binder.Endpoints);
    }
}

/// <summary>Adds conventions to all endpoints of a service.</summary>
public sealed class GrpcServiceEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly IReadOnlyList<IEndpointConventionBuilder> _endpoints;

    internal GrpcServiceEndpointConventionBuilder(IReadOnlyList<IEndpointConventionBuilder> endpoints) => _endpoints = endpoints;

    /// <inheritdoc/>
    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Add(convention);
        }
    }

    /// <inheritdoc/>
    public void Finally(Action<EndpointBuilder> finallyConvention)
    {
        foreach (var endpoint in _endpoints)
        {
            endpoint.Finally(finallyConvention);
        }
    }
}
