using System.Diagnostics;
using Platform.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Platform.Benchmarks;

/// <summary>
/// What one node of the broker does with batches of windows of the size that docs/scale.md reckons with: the queues of detection, one publisher with 64 batches under way
/// and confirmed, one reader a queue, broker and clients on the same cores. <c>bench broker [BYTES...]</c>
/// </summary>
internal static class BrokerBenchmark
{
    private const int Queues = 4;
    private const int UnderWay = 64;
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(10);

    public static async Task<object> Run(string[] arguments)
    {
        await using var server = RabbitMqServer.Own();
        await server.InitializeAsync();
        var figures = new Dictionary<string, double>();
        foreach (var bytes in arguments.Length > 0 ? arguments.Select(size => int.Parse(size, System.Globalization.CultureInfo.InvariantCulture)) : [1_500, 13_400])
        {
            var virtualHost = new RabbitMqVirtualHost(server);
            await virtualHost.InitializeAsync();
            var (batches, cpu) = await Measure(server, new ConnectionFactory { Uri = virtualHost.Address }, bytes);
            await virtualHost.DisposeAsync();
            figures[$"batches_{bytes}_bytes_per_s"] = Math.Round(batches / Lasts.TotalSeconds);
            figures[$"batches_{bytes}_bytes_per_broker_cpu_s"] = Math.Round(batches / cpu.TotalSeconds);
        }

        return figures;
    }

    private static async Task<(long Batches, TimeSpan BrokerCpu)> Measure(RabbitMqServer server, ConnectionFactory factory, int bytes)
    {
        await using var readers = await factory.CreateConnectionAsync();
        await using var publishers = await factory.CreateConnectionAsync();
        var read = 0L;
        for (var queue = 0; queue < Queues; queue++)
        {
            var channel = await readers.CreateChannelAsync();
            await channel.QueueDeclareAsync(
                $"windows-{queue}", durable: true, exclusive: false, autoDelete: false,
                new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-single-active-consumer"] = true, ["x-max-length"] = 10_000, ["x-overflow"] = "drop-head" });
            await channel.BasicQosAsync(0, 200, global: false);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += async (_, delivery) =>
            {
                Interlocked.Increment(ref read);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            };
            await channel.BasicConsumeAsync($"windows-{queue}", autoAck: false, consumer);
        }

        await using var publisher = await publishers.CreateChannelAsync(new CreateChannelOptions(true, true, new ThrottlingRateLimiter(UnderWay)));
        var body = new byte[bytes];
        Random.Shared.NextBytes(body);
        using var free = new SemaphoreSlim(UnderWay);
        var (before, since, sent) = (Cpu(server), Stopwatch.StartNew(), 0);
        for (; since.Elapsed < Lasts; sent++)
        {
            await free.WaitAsync();
            _ = Send(sent % Queues);
        }

        var cpu = Cpu(server) - before;
        for (var i = 0; i < UnderWay; i++)
        {
            await free.WaitAsync(); // all confirmed
        }

        return (read, cpu);

        async Task Send(int queue)
        {
            await publisher.BasicPublishAsync("", $"windows-{queue}", mandatory: false, body);
            free.Release();
        }
    }

    private static TimeSpan Cpu(RabbitMqServer server) => server.ProcessIds.Aggregate(TimeSpan.Zero, (sum, id) =>
    {
        using var process = Process.GetProcessById(id);
        return sum + process.TotalProcessorTime;
    });
}
