using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Platform.Detection.Windows;

/// <summary>
/// Detection's part of the telemetry bus: everything that ingestion publishes, shared out by protected object to queues that one process at a
/// time reads. Deployed by <c>migrate</c>. Quorum queues: a broker's node that goes down takes no partition with it.
/// </summary>
internal static class WindowTopology
{
    /// <summary>Partitions that there can be.</summary>
    public const int MostPartitions = 256;

    private const string Published = "telemetry.windows";
    private const string Beats = "telemetry.beats";
    private const string Shared = "telemetry.detection";

    /// <summary>Type property of a sign of life.</summary>
    public const string BeatType = "platform.telemetry.v1.TelemetryBeat";

    public static string Queue(int partition) => $"detection-windows-{partition}";

    public static async Task Deploy(IConnection connection, WindowOptions options, CancellationToken cancellation)
    {
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: cancellation))
        {
            await channel.ExchangeDeclareAsync(Published, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
            await channel.ExchangeDeclareAsync(Beats, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
            await channel.ExchangeDeclareAsync(Shared, "x-consistent-hash", durable: true, cancellationToken: cancellation);
            await channel.ExchangeBindAsync(Shared, Published, routingKey: "", cancellationToken: cancellation);
        }

        for (var partition = 0; partition < options.Partitions; partition++)
        {
            try
            {
                await Deploy(connection, Queue(partition), options, cancellation);
            }
            catch (OperationInterruptedException other) when (other.ShutdownReason?.ReplyCode == Constants.PreconditionFailed)
            {
                // Of another kind or length than wanted. Its windows are worth less than the kind, and whoever reads it finds the new one by its name.
                await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
                await channel.QueueDeleteAsync(Queue(partition), ifUnused: false, ifEmpty: false, cancellationToken: cancellation);
                await Deploy(connection, Queue(partition), options, cancellation);
            }
        }
    }

    /// <summary>
    /// How many partitions there are: what is bound gets windows and must be read, whatever this process was told. So neither a roll-back to fewer
    /// partitions nor a version that goes on while more are made leaves one without a reader.
    /// </summary>
    public static async Task<int> Count(IConnection connection, CancellationToken cancellation)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
        for (var partition = 0; partition < MostPartitions; partition++)
        {
            try
            {
                await channel.QueueDeclarePassiveAsync(Queue(partition), cancellation);
            }
            catch (OperationInterruptedException missing) when (missing.ShutdownReason?.ReplyCode == Constants.NotFound)
            {
                return partition;
            }
        }

        return MostPartitions;
    }

    private static async Task Deploy(IConnection connection, string queue, WindowOptions options, CancellationToken cancellation)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
        await channel.QueueDeclareAsync(
            queue,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?>
            {
                ["x-queue-type"] = "quorum",
                ["x-single-active-consumer"] = true,
                ["x-max-length"] = options.QueueLength,
                ["x-overflow"] = "drop-head", // an old window is worth less than a new one
            },
            cancellationToken: cancellation);
        // For this type of exchange the binding key is a weight.
        await channel.QueueBindAsync(queue, Shared, routingKey: "1", cancellationToken: cancellation);
        // Signs of life reach every partition, behind the windows that were sent before them.
        await channel.QueueBindAsync(queue, Beats, routingKey: "", cancellationToken: cancellation);
    }
}
