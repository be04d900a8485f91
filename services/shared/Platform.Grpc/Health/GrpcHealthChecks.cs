using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Platform.Grpc.Server;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Registers the health service.</summary>
    public static class GrpcHealthChecksServiceExtensions
    {
        /// <summary>Registers the health service, which answers from the process's health checks.</summary>
        public static IHealthChecksBuilder AddGrpcHealthChecks(this IServiceCollection services)
        {
            services.TryAddSingleton<HealthFeed>();
            services.AddSingleton<IHealthCheckPublisher>(provider => provider.GetRequiredService<HealthFeed>());
            return services.AddHealthChecks();
        }
    }
}

namespace Microsoft.AspNetCore.Builder
{
    /// <summary>Maps the health service.</summary>
    public static class GrpcHealthChecksEndpointRouteBuilderExtensions
    {
        /// <summary>Maps <c>grpc.health.v1.Health</c>. It states no permission: add <c>.AllowAnonymous()</c> where a policy denies by default.</summary>
        public static GrpcServiceEndpointConventionBuilder MapGrpcHealthChecksService(this IEndpointRouteBuilder builder) =>
            builder.MapGrpcService<HealthService>();
    }
}

namespace Platform.Grpc.Server
{
    /// <summary>All services of a process are as healthy as the process.</summary>
    internal sealed class HealthService(
        HealthCheckService checks, HealthFeed feed, EndpointDataSource endpoints, IHostApplicationLifetime lifetime)
        : Health.HealthBase
    {
        public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
            IsServed(request.Service)
                ? new HealthCheckResponse { Status = HealthFeed.StatusOf(await checks.CheckHealthAsync(context.CancellationToken)) }
                : throw new RpcException(new Status(StatusCode.NotFound, $"There is no service {request.Service}."));

        public override async Task Watch(
            HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
            var served = IsServed(request.Service);
            var seen = feed.Last; // before looking, so that no change in between is missed
            var status = served ? HealthFeed.StatusOf(await checks.CheckHealthAsync(stop.Token)) : ServingStatus.ServiceUnknown;
            await Tell(status);
            try
            {
                while (true)
                {
                    seen = await seen.Next.WaitAsync(stop.Token);
                    if (served && seen.Status != status)
                    {
                        status = seen.Status;
                        await Tell(status);
                    }
                }
            }
            catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
            {
                await Tell(ServingStatus.NotServing); // the process stops, and a watcher must not hold it up
            }

            Task Tell(ServingStatus news) =>
                responseStream.WriteAsync(new HealthCheckResponse { Status = news }, context.CancellationToken);
        }

        private bool IsServed(string service) => service.Length == 0
            || endpoints.Endpoints.Any(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.ServiceName == service);
    }

    /// <summary>What the framework's regular look at the health checks found, as a chain that watchers follow at their own pace.</summary>
    internal sealed class HealthFeed : IHealthCheckPublisher
    {
        public Publication Last { get; private set; } = new(ServingStatus.Unknown);

        public static ServingStatus StatusOf(HealthReport report) =>
            report.Status == HealthStatus.Unhealthy ? ServingStatus.NotServing : ServingStatus.Serving;

        public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
        {
            var previous = Last;
            Last = new Publication(StatusOf(report));
            previous.Follow(Last);
            return Task.CompletedTask;
        }

        internal sealed class Publication(ServingStatus status)
        {
            private readonly TaskCompletionSource<Publication> _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

            public ServingStatus Status => status;

            public Task<Publication> Next => _next.Task;

            public void Follow(Publication next) => _next.SetResult(next);
        }
    }
}
