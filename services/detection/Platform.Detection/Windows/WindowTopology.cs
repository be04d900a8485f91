using RabbitMQ.Client;

namespace Platform.Detection.Windows;

/// <summary>
/// Detection's part of the telemetry bus: everything that ingestion publishes, shared out by protected object to queues that one process at a
/// time reads. Deployed by <c>migrate</c>.
/// </summary>
internal static class WindowTopology
{
    private const string Published = "telemetry.windows";
    private const string Beats = "telemetry.beats";
    private const string Shared = "telemetry.detection";

    /// <summary>Type property of a sign of life.</summary>
    public const string BeatType = "platform.telemetry.v1.TelemetryBeat";

    public static string Queue(int partition) => $"detection-windows-{partition}";

    public static async Task Deploy(IChannel channel, WindowOptions options, CancellationToken cancellation)
    {
        await channel.ExchangeDeclareAsync(Published, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
        await channel.ExchangeDeclareAsync(Beats, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
        await channel.ExchangeDeclareAsync(Shared, "x-consistent-hash", durable: true, cancellationToken: cancellation);
        await channel.ExchangeBindAsync(Shared, Published, routingKey: "", cancellationToken: cancellation);
        for (var partition = 0; partition < options.Partitions; partition++)
        {
            await channel.QueueDeclareAsync(
                Queue(partition),
                durable: true,
                exclusive: false,
                autoDelete: false,
                new Dictionary<string, object?>
                {
                    ["x-single-active-consumer"] = true,
                    ["x-max-length"] = options.QueueLength,
                    ["x-overflow"] = "drop-head", // an old window is worth less than a new one
                },
                cancellationToken: cancellation);
            // For this type of exchange the binding key is a weight.
            await channel.QueueBindAsync(Queue(partition), Shared, routingKey: "1", cancellationToken: cancellation);
            // Signs of life reach every partition, behind the windows that were sent before them.
            await channel.QueueBindAsync(Queue(partition), Beats, routingKey: "", cancellationToken: cancellation);
        }
    }
}
