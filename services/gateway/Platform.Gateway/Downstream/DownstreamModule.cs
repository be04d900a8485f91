using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Gateway.Sessions;
using Platform.Hosting;
using Accounts = Platform.Contracts.Grpc.Accounts.V1;
using Detection = Platform.Contracts.Grpc.Detection.V1;
using Ingestion = Platform.Contracts.Grpc.Ingestion.V1;
using Mitigation = Platform.Contracts.Grpc.Mitigation.V1;
using Notifications = Platform.Contracts.Grpc.Notifications.V1;
using Reporting = Platform.Contracts.Grpc.Reporting.V1;
using Retained = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Gateway.Downstream;

/// <summary>Asks accounts on the gateway's own behalf, before anybody is signed in.</summary>
internal sealed record AccountsBeforeSignIn(Accounts.Operators.OperatorsClient Operators);

/// <summary>One channel per service, one client per request that signs for the request's session.</summary>
internal static class DownstreamModule
{
    public static void AddDownstream(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<ServicesOptions>(ServicesOptions.Section);
        var services = builder.Services;
        services.AddHttpContextAccessor();
        services.AddSingleton<Channels>();
        services.AddSingleton(provider => new AccountsBeforeSignIn(new(provider.GetRequiredService<Channels>().BeforeSignIn())));
        Add(services, to => to.Accounts, invoker => new Accounts.Tenants.TenantsClient(invoker));
        Add(services, to => to.Accounts, invoker => new Accounts.Contracts.ContractsClient(invoker));
        Add(services, to => to.Accounts, invoker => new Accounts.Operators.OperatorsClient(invoker));
        Add(services, to => to.Ingestion, invoker => new Ingestion.Exporters.ExportersClient(invoker));
        Add(services, to => to.Detection, invoker => new Detection.ProtectedObjects.ProtectedObjectsClient(invoker));
        Add(services, to => to.Detection, invoker => new Detection.Anomalies.AnomaliesClient(invoker));
        Add(services, to => to.Detection, invoker => new Detection.SecurityEvents.SecurityEventsClient(invoker));
        Add(services, to => to.Mitigation, invoker => new Mitigation.Mitigations.MitigationsClient(invoker));
        Add(services, to => to.Mitigation, invoker => new Mitigation.Capacity.CapacityClient(invoker));
        Add(services, to => to.Reporting, invoker => new Reporting.Incidents.IncidentsClient(invoker));
        Add(services, to => to.Retention, invoker => new Retained.Erasures.ErasuresClient(invoker));
        Add(services, to => to.Retention, invoker => new Retained.Residual.ResidualClient(invoker));
        Add(services, to => to.Notifications, invoker => new Notifications.Notices.NoticesClient(invoker));
    }

    private static void Add<TClient>(IServiceCollection services, Func<ServicesOptions, Uri?> address, Func<CallInvoker, TClient> create)
        where TClient : class =>
        services.AddScoped(provider => create(provider.GetRequiredService<Channels>().ForSession(address)));

    private sealed class Channels(
        IOptions<ServicesOptions> options, CallerContext callers, IHttpContextAccessor accessor, TimeProvider clock) : IDisposable
    {
        // Connections are shared: HTTP/2 carries many calls, and the handler opens more when one is full.
        private readonly SocketsHttpHandler _connections = new()
        {
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            ConnectTimeout = TimeSpan.FromSeconds(2),
        };

        private static Caller Gateway { get; } = new("gateway", TenantId.Provider, Roles.Gateway, null);

        public SignedCalls ForSession(Func<ServicesOptions, Uri?> address)
        {
            var http = accessor.HttpContext ?? throw new InvalidOperationException("A session's call needs a request.");
            return Signed(address, options => SignedCalls.For(http.SessionCaller(), options, callers, Deadline, http));
        }

        public SignedCalls BeforeSignIn() =>
            Signed(to => to.Accounts, call => SignedCalls.For(Gateway, call, callers, Deadline, accessor.HttpContext));

        public void Dispose() => _connections.Dispose();

        private DateTime Deadline => clock.GetUtcNow().UtcDateTime + options.Value.Deadline;

        private SignedCalls Signed(Func<ServicesOptions, Uri?> address, Func<CallOptions, CallOptions> sign)
        {
            var channel = GrpcChannel.ForAddress(address(options.Value)!, new GrpcChannelOptions { HttpHandler = _connections });
            return new SignedCalls(channel.CreateCallInvoker(), sign);
        }
    }
}
