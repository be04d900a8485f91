using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using RabbitMQ.Client;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;

namespace Platform.Detection.Tests.Windows;

/// <summary>Who reads which partition, with the real broker.</summary>
public sealed class PartitionTests(PostgresDatabase database, RabbitMqVirtualHost broker, RabbitMqServer server)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    private const long Flood = 400_000;

    [Fact, Trait("Requirement", "R174")]
    public async Task Replicas_share_the_partitions_and_an_attack_that_is_open_meanwhile_stays_one_anomaly()
    {
        await using var toBroker = new CutWire(broker.Port) { StaysDown = true };
        await using var toDatabase = new CutWire(new NpgsqlConnectionStringBuilder(database.ConnectionString).Port) { StaysDown = true };
        var clock = new ManualTimeProvider();
        await using var first = await ADetectionService.Start(database, broker, (toDatabase.Port, toBroker.Port), clock);
        var customers = await Sign(first, 6);
        await using var second = await ADetectionService.Start(database, broker, clock: clock);
        await Know(second, customers);
        await using var detected = await second.Host.Listen<AnomalyDetected>();
        foreach (var customer in customers)
        {
            await first.Send(customer, "203.0.113.10", Flood);
            await detected.Get(fact => fact.ServiceCode == customer.ServiceCode);
        }

        await Eventually.True(
            async () =>
            {
                await Attack("203.0.113.10");
                return (Reading(first).Length, Reading(second).Length) == (2, 2);
            },
            TimeSpan.FromSeconds(60),
            "two partitions for each");
        Assert.Equal([0, 1, 2, 3], Reading(first).Concat(Reading(second)).Order());
        await AnswersEverybody("203.0.113.11");

        toDatabase.Cut();
        toBroker.Cut();
        await Eventually.True(
            async () =>
            {
                await Attack("203.0.113.10");
                return Reading(second).Length == 4;
            },
            TimeSpan.FromSeconds(60),
            "the one that is left reads all");
        await AnswersEverybody("203.0.113.12");

        await second.Host.CatchUp();
        foreach (var customer in customers)
        {
            // The relay that was cut off may not know that it has told a fact: told again it is the same one.
            Assert.Single(detected.Facts.Where(fact => fact.ServiceCode == customer.ServiceCode && fact.Target == "203.0.113.10/32").DistinctBy(fact => fact.AnomalyId));
            Assert.Equal(3, await Open(second, customer));
        }

        async Task Attack(string target)
        {
            foreach (var customer in customers)
            {
                await first.Send(customer, target, Flood);
            }

            await first.Beat(); // in every partition
        }

        async Task AnswersEverybody(string target)
        {
            await Attack(target);
            foreach (var customer in customers)
            {
                await detected.Get(fact => fact.ServiceCode == customer.ServiceCode && fact.Target == $"{target}/32");
            }
        }
    }

    [Fact, Trait("Requirement", "R197")]
    public async Task A_partition_that_is_lost_disturbs_no_other_and_is_read_again_when_it_is_back()
    {
        await using var service = await ADetectionService.Start(database, broker);
        var customers = await Sign(service, 6);
        await using var detected = await service.Host.Listen<AnomalyDetected>();
        await Eventually.True(async () => await Reads(service, 4), what: "every partition is read");
        var judges = service.Host.Services.GetRequiredService<WindowJudges>().All;
        await SendHalf();
        await Eventually.True(() => judges.Sum(judge => judge.Hosts) == customers.Count, what: "all are judged");
        const int other = 3; // the last one: when it is back, the exchange shares out as before
        var undisturbed = judges.Take(other).Sum(judge => judge.Hosts);

        await using var connection = await new ConnectionFactory { Uri = broker.Address }.CreateConnectionAsync(Token);
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: Token))
        {
            await channel.QueueDeleteAsync(WindowTopology.Queue(other), ifUnused: false, ifEmpty: false, cancellationToken: Token);
        }

        await Eventually.True(() => !Reading(service).Contains(other), what: "its reader sees the loss");
        await WindowTopology.Deploy(connection, new WindowOptions(), Token);
        await Eventually.True(async () => await Reads(service, 4), what: "every partition is read again");
        await SendHalf(); // with the half before the loss it is a flood

        await Eventually.True(() => detected.Facts.Count(fact => fact.PacketsPerSecond == Flood) >= undisturbed, what: "everybody's flood");

        async Task SendHalf()
        {
            foreach (var customer in customers)
            {
                await service.Send(customer, "203.0.113.10", Flood / 2);
            }
        }
    }

    [Fact, Trait("Requirement", "R190")]
    public async Task A_replica_that_is_told_of_fewer_partitions_than_are_bound_reads_them_all()
    {
        await using var alone = new RabbitMqVirtualHost(server);
        await alone.InitializeAsync();
        await using var service = await ADetectionService.Start(database, alone);
        await using var connection = await new ConnectionFactory { Uri = alone.Address }.CreateConnectionAsync(Token);
        await WindowTopology.Deploy(connection, new WindowOptions { Partitions = 6 }, Token); // the version that was rolled back

        await service.Host.Restart();

        await Eventually.True(async () => await Reads(service, 6), TimeSpan.FromSeconds(30), "six partitions, not four");
    }

    [Fact]
    public async Task Queues_of_another_kind_become_those_that_survive_a_node_of_the_broker()
    {
        await using var alone = new RabbitMqVirtualHost(server);
        await alone.InitializeAsync();
        await using var connection = await new ConnectionFactory { Uri = alone.Address }.CreateConnectionAsync(Token);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);
        await channel.QueueDeclareAsync(WindowTopology.Queue(0), durable: true, exclusive: false, autoDelete: false, cancellationToken: Token);

        await WindowTopology.Deploy(connection, new WindowOptions { Partitions = 2 }, Token);
        await WindowTopology.Deploy(connection, new WindowOptions { Partitions = 2 }, Token); // again: nothing happens

        Assert.Equal(2, await WindowTopology.Count(connection, Token));
        var queues = (await server.Ask($"queues/{alone.Name}")).EnumerateArray().Select(queue => queue.GetProperty("type").GetString());
        Assert.Equal(["quorum", "quorum"], queues);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static int[] Reading(ADetectionService service) =>
        [.. service.Host.Services.GetServices<IHostedService>().OfType<WindowConsumer>().Single().Reading];

    private static async Task<bool> Reads(ADetectionService service, int partitions)
    {
        await service.Beat();
        return Reading(service).Order().SequenceEqual(Enumerable.Range(0, partitions));
    }

    private static async Task<IReadOnlyList<Customer>> Sign(ADetectionService service, int count)
    {
        Customer[] customers = [.. Enumerable.Range(0, count).Select(_ => Customer.New())];
        foreach (var customer in customers)
        {
            await service.Host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());
        }

        await service.Host.CatchUp();
        await Know(service, customers);
        return customers;
    }

    private static async Task Know(ADetectionService service, IEnumerable<Customer> customers)
    {
        var directory = service.Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => customers.All(customer => directory.Find(customer.ContractId) is not null), what: "the objects in the engine");
    }

    private static async Task<int> Open(ADetectionService service, Customer customer) =>
        (await new AnomaliesClient(service.Host.Channel).ListAnomaliesAsync(
            new ListAnomaliesRequest { OpenOnly = true }, service.Host.As(TenantId.Of(customer.TenantId), Roles.Viewer))).Anomalies.Count;
}
