using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Detection.Bandwidth;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using SecurityEventsClient = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;

namespace Platform.Detection.Tests;

/// <summary>Views are what the streams say.</summary>
public sealed class RebuildTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    [Fact, Trait("Requirement", "R197")]
    public async Task Every_view_is_rebuilt_from_the_streams_beside_the_running_service_and_is_the_same()
    {
        await using var service = await ADetectionService.Start(database, broker);
        var (host, customer) = (service.Host, Customer.New());
        var (viewer, me) = (host.As(TenantId.Of(customer.TenantId), Roles.Viewer), host.As(TenantId.Of(customer.TenantId), Roles.Operator));
        await host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());
        await host.CatchUp();
        await Eventually.True(() => host.Services.GetRequiredService<ObjectDirectory>().Find(customer.ContractId) is not null, what: "the object in the engine");
        await service.Send(customer, "203.0.113.10", packets: 400_000);
        var client = new AnomaliesClient(host.Channel);
        var anomaly = (await Eventually.Get(async () => (await client.ListAnomaliesAsync(new(), viewer)).Anomalies, seen => seen.Count == 1))[0];
        await service.Spread(customer, anomaly.Target, ("203.0.113.10/32", 0.8), ("203.0.113.128/25", 0.2));
        await client.MarkFalseAsync(new() { AnomalyId = anomaly.AnomalyId, Reason = "a launch" }, me);
        host.Services.GetRequiredService<UseRecorder>().Enqueue(new UseChanged(
            customer.TenantId, new(customer.ContractId, customer.ServiceCode, 1_000_000_000, 1_200_000_000, DateTimeOffset.UnixEpoch, host.Clock.GetUtcNow())));
        await Eventually.Equal(3, async () => (await new SecurityEventsClient(host.Channel).ListSecurityEventsAsync(new(), viewer)).Events.Count);
        await host.CatchUp();
        var before = await Views(host);

        foreach (var runner in host.Services.GetServices<ProjectionRunner>())
        {
            await runner.Rebuild(TestContext.Current.CancellationToken);
        }

        Assert.Equal(before, await Views(host));
        Assert.Equal(3, (await new SecurityEventsClient(host.Channel).ListSecurityEventsAsync(new(), viewer)).Events.Count);
    }

    private static async Task<IReadOnlyList<string>> Views(ServiceHost host)
    {
        var views = new List<string>();
        foreach (var table in host.Services.GetServices<IProjection>().SelectMany(projection => projection.Tables))
        {
            await using var command = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
                $"select '{table} ' || coalesce(json_agg(row order by row::text)::text, '[]') from views.{table} row");
            views.Add((string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!);
        }

        return views;
    }
}
