using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.ClientFactory;
using Microsoft.Extensions.Options;

namespace Grpc.Net.ClientFactory
{
    /// <summary>Settings of a registered client.</summary>
    public class GrpcClientFactoryOptions
    {
        /// <summary>Address of the server. No default.</summary>
        public Uri? Address { get; set; }

        /// <summary>Changes to the channel's settings, in order.</summary>
        public IList<Action<GrpcChannelOptions>> ChannelOptionsActions { get; } = [];

        /// <summary>Changes to the options of each call, in order; with the provider that the client was resolved from.</summary>
        internal List<Func<IServiceProvider, CallOptions, CallOptions>> CallOptionsActions { get; } = [];
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Registers generated clients.</summary>
    public static class GrpcClientServiceExtensions
    {
        /// <summary>Registers a client as transient service over a pooled handler.</summary>
        /// <typeparam name="TClient">Generated client.</typeparam>
        /// <param name="services">The services.</param>
        /// <param name="configureClient">Sets at least the address.</param>
        public static IHttpClientBuilder AddGrpcClient<TClient>(
            this IServiceCollection services, Action<GrpcClientFactoryOptions> configureClient)
            where TClient : class =>
            services.AddGrpcClient<TClient>((_, options) => configureClient(options));

        /// <summary>Registers a client as transient service over a pooled handler.</summary>
        /// <typeparam name="TClient">Generated client.</typeparam>
        /// <param name="services">The services.</param>
        /// <param name="configureClient">Sets at least the address, with the help of other services.</param>
        public static IHttpClientBuilder AddGrpcClient<TClient>(
            this IServiceCollection services, Action<IServiceProvider, GrpcClientFactoryOptions> configureClient)
            where TClient : class
        {
            var name = typeof(TClient).FullName!;
            var create = ActivatorUtilities.CreateFactory<TClient>([typeof(CallInvoker)]);
            services.AddOptions<GrpcClientFactoryOptions>(name)
                .Configure<IServiceProvider>((options, provider) => configureClient(provider, options));
            services.AddTransient(provider => create(provider, [InvokerOf(provider, name)]));
            return services.AddHttpClient(name)
                .ConfigurePrimaryHttpMessageHandler(GrpcChannel.CreateHandler)
                .RemoveAllLoggers();
        }

        private static CallInvoker InvokerOf(IServiceProvider provider, string name)
        {
            var options = provider.GetRequiredService<IOptionsMonitor<GrpcClientFactoryOptions>>().Get(name);
            var channelOptions = new GrpcChannelOptions
            {
                HttpHandler = provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(name),
                Clock = provider.GetService<TimeProvider>() ?? TimeProvider.System,
            };
            foreach (var configure in options.ChannelOptionsActions)
            {
                configure(channelOptions);
            }

            var address = options.Address ?? throw new InvalidOperationException($"No address is set for the gRPC client {name}.");
            return GrpcChannel.ForAddress(address, channelOptions).CreateCallInvoker();
        }
    }
}
