using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;

namespace Platform.Detection.Tests;

/// <summary>The whole service and one customer of it: contracts in through the fact bus, windows through the telemetry bus, anomalies out.</summary>
public abstract class ServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = database;
    private readonly RabbitMqVirtualHost _broker = broker;
    private protected const long OverTheDefault = 400_000;
    private protected readonly Customer _customer = Customer.New();
    private protected ADetectionService _service = null!;

    private protected ServiceHost Host => _service.Host;

    public async ValueTask InitializeAsync() => _service = await ADetectionService.Start(_database, _broker);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _service.DisposeAsync();
    }

    /// <summary>Another process of the service.</summary>
    private protected Task<ADetectionService> Restarted(ManualTimeProvider clock) => ADetectionService.Start(_database, _broker, clock: clock);

    /// <summary>A contract comes, and the engine knows it.</summary>
    private protected async Task Watch(params string[] prefixes)
    {
        await Deliver(_customer.Signed(prefixes));
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId) is not null, what: "the object in the engine");
    }

    /// <summary>Time passes in steps, because what waits for time must also get its turn.</summary>
    private protected async Task TimePasses(TimeSpan atLeast, Func<Task<bool>> until, bool isTelemetryThere = true)
    {
        var end = Host.Clock.GetUtcNow() + atLeast;
        await Eventually.True(
            async () =>
            {
                Host.Clock.Advance(TimeSpan.FromSeconds(0.2));
                if (isTelemetryThere)
                {
                    await _service.Beat();
                }

                return Host.Clock.GetUtcNow() >= end && await until();
            },
            TimeSpan.FromSeconds(30));
    }

    private protected Task Deliver<T>(T fact)
        where T : class => Host.Deliver(fact, Customer.NewId());

    private protected Task<IReadOnlyList<Anomaly>> Open() => Anomalies(openOnly: true);

    private protected async Task<IReadOnlyList<Anomaly>> Anomalies(bool openOnly)
    {
        var answer = await new AnomaliesClient(Host.Channel).ListAnomaliesAsync(
            new ListAnomaliesRequest { OpenOnly = openOnly }, Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        return answer.Anomalies;
    }

    private protected async Task<IReadOnlyList<ProtectedObject>> Objects()
    {
        var answer = await new ObjectsClient(Host.Channel).ListProtectedObjectsAsync(
            new ListProtectedObjectsRequest(), Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        return answer.Objects;
    }

    private protected async Task Refused(StatusCode status, ChangeThresholdsRequest request, TenantId tenant, string role)
    {
        var client = new ObjectsClient(Host.Channel);
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => client.ChangeThresholdsAsync(request, Host.As(tenant, role)).ResponseAsync);
        Assert.Equal(status, refusal.StatusCode);
    }

    private protected static async Task Refused<T>(StatusCode status, Func<Task<T>> call) =>
        Assert.Equal(status, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
