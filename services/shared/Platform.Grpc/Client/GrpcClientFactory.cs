using Grpc.Core;
using Grpc.Core.Interceptors;
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

        internal List<Func<IServiceProvider, Interceptor>> Interceptors { get; } = [];
    }

    /// <summary>How long an interceptor of a registered client lives.</summary>
    public enum InterceptorScope
    {
        /// <summary>As long as the client; it may use services of the client's scope.</summary>
        Client = 1,
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Registers generated clients.</summary>
    public static class GrpcClientServiceExtensions
    {
        /// <summary>
        /// Registers a client as transient service. All its instances share connections; its deadlines follow the registered
        /// <see cref="TimeProvider"/>, if there is one.
        /// </summary>
        /// <typeparam name="TClient">Generated client.</typeparam>
        /// <param name="services">The services.</param>
        /// <param name="configureClient">Sets at least the address.</param>
        public static IHttpClientBuilder AddGrpcClient<TClient>(
            this IServiceCollection services, Action<GrpcClientFactoryOptions> configureClient)
            where TClient : class =>
            services.AddGrpcClient<TClient>((_, options) => configureClient(options));

        /// <inheritdoc cref="AddGrpcClient{TClient}(IServiceCollection, Action{GrpcClientFactoryOptions})"/>
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

        /// <summary>Changes the settings of the client's channel.</summary>
        public static IHttpClientBuilder ConfigureChannel(this IHttpClientBuilder builder, Action<GrpcChannelOptions> configureChannel)
        {
            builder.Services.Configure<GrpcClientFactoryOptions>(
                builder.Name, options => options.ChannelOptionsActions.Add(configureChannel));
            return builder;
        }

        /// <summary>Lets every call pass an interceptor; the first that is added comes first.</summary>
        public static IHttpClientBuilder AddInterceptor(
            this IHttpClientBuilder builder, InterceptorScope scope, Func<IServiceProvider, Interceptor> configureInvoker)
        {
            builder.Services.Configure<GrpcClientFactoryOptions>(builder.Name, options => options.Interceptors.Add(configureInvoker));
            return builder;
        }

        /// <inheritdoc cref="AddInterceptor(IHttpClientBuilder, InterceptorScope, Func{IServiceProvider, Interceptor})"/>
        /// <typeparam name="TInterceptor">A registered service.</typeparam>
        public static IHttpClientBuilder AddInterceptor<TInterceptor>(this IHttpClientBuilder builder, InterceptorScope scope)
            where TInterceptor : Interceptor =>
            builder.AddInterceptor(scope, provider => provider.GetRequiredService<TInterceptor>());

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
            return options.Interceptors
                .AsEnumerable()
                .Reverse()
                .Aggregate(
                    GrpcChannel.ForAddress(address, channelOptions).CreateCallInvoker(),
                    (invoker, interceptor) => invoker.Intercept(interceptor(provider)));
        }
    }
}
