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
    private const long Flood = 400_000;

    /// <summary>
    /// A process that dies closes its connections, and is replaced at once: the heartbeat of these tests is too long to be the reason. One that vanishes with
    /// its machine is replaced when the broker misses its heartbeats.
    /// </summary>
    [Theory, Trait("Requirement", "R197")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_replica_that_dies_or_vanishes_is_replaced_and_its_open_anomalies_stand(bool vanishes)
    {
        await using var toBroker = new CutWire(broker.Port) { StaysDown = true };
        await using var toDatabase = new CutWire(new NpgsqlConnectionStringBuilder(database.ConnectionString).Port) { StaysDown = true };
        var clock = new ManualTimeProvider();
        await using var dying = await ADetectionService.Start(database, broker, (toDatabase.Port, toBroker.Port), clock, vanishes ? new WindowOptions().Heartbeat : null);
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
        if (vanishes)
        {
            toBroker.IsSilent = true;
        }
        else
        {
            toBroker.Cut();
        }

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
        toBroker.Cut(); // it may go now
    }

    /// <summary>
    /// RabbitMQ looks once in the agreed time whether anything came, and gives up at the second time without: after two to three of them. Nothing is measured
    /// here: how fast this machine is does not matter.
    /// </summary>
    [Fact, Trait("Requirement", "R197")]
    public async Task By_what_is_agreed_with_the_broker_a_replica_that_vanishes_is_given_up_within_five_seconds()
    {
        var address = broker.Address;
        var user = Uri.UnescapeDataString(address.UserInfo).Split(':');
        var options = new RabbitMqOptions
        {
            Host = address.Host, Port = (ushort)address.Port, VirtualHost = Uri.UnescapeDataString(address.AbsolutePath[1..]), User = user[0], Password = user[1],
        };
        await using var connection = await WindowConsumer.Connect(options, "takeover", new WindowOptions().Heartbeat, TestContext.Current.CancellationToken);

        Assert.InRange(3 * connection.Heartbeat, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
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
