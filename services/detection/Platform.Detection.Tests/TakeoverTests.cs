using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;

namespace Platform.Detection.Tests;

/// <summary>Two replicas: one judges, and is cut off from everything in the middle of an attack.</summary>
public sealed class TakeoverTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    private const long Flood = 300_000;

    [Fact, Trait("Requirement", "R197")]
    public async Task A_replica_that_dies_is_replaced_at_once_and_its_open_anomalies_stand()
    {
        await using var toBroker = new CutWire(broker.Port) { StaysDown = true };
        await using var toDatabase = new CutWire(new NpgsqlConnectionStringBuilder(database.ConnectionString).Port) { StaysDown = true };
        var clock = new ManualTimeProvider();
        await using var dying = await ADetectionService.Start(database, broker, (toDatabase.Port, toBroker.Port), clock);
        var customer = Customer.New();
        await dying.Host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());
        await dying.Host.CatchUp();
        await Knows(dying, customer);
        await using var other = await ADetectionService.Start(database, broker, clock: clock); // waits for the partitions
        await Knows(other, customer);
        await using var detected = await other.Host.Listen<AnomalyDetected>();
        await dying.Send(customer, "203.0.113.10", Flood);
        var before = await detected.Get(fact => fact.ServiceCode == customer.ServiceCode);

        var since = Stopwatch.StartNew();
        toDatabase.Cut();
        toBroker.Cut();
        await dying.Send(customer, "203.0.113.10", Flood, second: 1); // the attack goes on, and there is another one
        await dying.Send(customer, "203.0.113.11", Flood, second: 1);

        await detected.Get(fact => fact.ServiceCode == customer.ServiceCode && fact.Target == "203.0.113.11/32");
        TestContext.Current.TestOutputHelper?.WriteLine($"replaced after {since.Elapsed.TotalSeconds:0.00} s");
        await other.Host.CatchUp();
        // The relay that was cut off may not know that it has told a fact: told again it is the same one.
        Assert.Single(detected.Facts.Where(fact => fact.ServiceCode == customer.ServiceCode && fact.Target == "203.0.113.10/32").DistinctBy(fact => fact.AnomalyId));
        var open = await Open(other, customer);
        Assert.Equal(2, open.Count);
        Assert.Contains(open, anomaly => anomaly.AnomalyId == before.AnomalyId.ToString());

        // The one that took over judges it to its end.
        await Eventually.True(
            async () =>
            {
                clock.Advance(TimeSpan.FromSeconds(0.2));
                await other.Beat();
                return (await Open(other, customer)).Count == 0;
            },
            TimeSpan.FromSeconds(30));
    }

    private static async Task Knows(ADetectionService service, Customer customer)
    {
        var directory = service.Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(customer.ContractId) is not null, what: "the object in the engine");
    }

    private static async Task<IReadOnlyList<Anomaly>> Open(ADetectionService service, Customer customer) =>
        (await new AnomaliesClient(service.Host.Channel).ListAnomaliesAsync(
            new ListAnomaliesRequest { OpenOnly = true }, service.Host.As(TenantId.Of(customer.TenantId), Roles.Viewer))).Anomalies;
}
