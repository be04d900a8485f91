using System.Collections.ObjectModel;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Platform.Grpc.Wire;

namespace Grpc.AspNetCore.Server
{
    /// <summary>Settings of all gRPC services of a process.</summary>
    public class GrpcServiceOptions
    {
        /// <summary>Longest request message in bytes; null for any. Default 4 MiB.</summary>
        public int? MaxReceiveMessageSize { get; set; } = Framing.DefaultMaxMessageLength;

        /// <summary>Stand between caller and method; the first comes first.</summary>
        public InterceptorCollection Interceptors { get; } = [];
    }

    /// <summary>Types of interceptors. Each call gets instances of its own, unless a type is registered as service.</summary>
    public class InterceptorCollection : Collection<Type>
    {
        /// <summary>Adds an interceptor.</summary>
        public void Add<TInterceptor>()
            where TInterceptor : Interceptor => Add(typeof(TInterceptor));
    }

    /// <summary>Which gRPC method an endpoint answers. On every endpoint of <c>MapGrpcService</c>.</summary>
    /// <param name="serviceType">The implementation.</param>
    /// <param name="method">The method.</param>
    public sealed class GrpcMethodMetadata(Type serviceType, IMethod method)
    {
        /// <summary>The implementation.</summary>
        public Type ServiceType => serviceType;

        /// <summary>The method.</summary>
        public IMethod Method => method;
    }

    /// <summary>What <c>AddGrpc</c> returns.</summary>
    public interface IGrpcServerBuilder
    {
        /// <summary>The services.</summary>
        Microsoft.Extensions.DependencyInjection.IServiceCollection Services { get; }
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Registers what gRPC services need.</summary>
    public static class GrpcServicesExtensions
    {
        /// <summary>Registers what gRPC services need; map them with <c>MapGrpcService</c>.</summary>
        public static IGrpcServerBuilder AddGrpc(this IServiceCollection services) => services.AddGrpc(_ => { });

        /// <summary>Registers what gRPC services need, with settings.</summary>
        public static IGrpcServerBuilder AddGrpc(this IServiceCollection services, Action<GrpcServiceOptions> configureOptions)
        {
            services.AddRouting();
            services.Configure(configureOptions);
            services.TryAddSingleton<GrpcMarker>();
            return new ServerBuilder(services);
        }

        private sealed record ServerBuilder(IServiceCollection Services) : IGrpcServerBuilder;
    }

    /// <summary>Shows that <c>AddGrpc</c> was called.</summary>
    internal sealed class GrpcMarker;
}
