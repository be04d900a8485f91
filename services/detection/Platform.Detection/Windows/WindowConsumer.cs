using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Detection.Learning;
using Platform.Detection.SecurityEvents;
using Platform.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Platform.Detection.Windows;

/// <summary>
/// Stands in line for every partition of the telemetry bus; the broker decides who reads, by single active consumer, and <see cref="PartitionShares"/> sees to
/// it that no process keeps more than its share. When the connection is lost the judges forget what they knew, because somebody else goes on with it.
/// </summary>
internal sealed class WindowConsumer(
    WindowJudges judges,
    ObjectDirectory objects,
    BaselineKeeper baselines,
    PartitionShares shares,
    ObjectExporters exporters,
    NpgsqlDataSource database,
    IOptions<RabbitMqOptions> broker,
    IOptions<WindowOptions> options,
    TimeProvider clock,
    ILogger<WindowConsumer> log) : BackgroundService
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private IReadOnlyList<PartitionReader> _readers = [];

    /// <summary>Partitions that this process reads.</summary>
    public IEnumerable<int> Reading => _readers.Where(reader => reader.ReadingFor is not null).Select(reader => reader.Partition);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await objects.Complete.WaitAsync(stoppingToken);
        await Remember(stoppingToken);
        Telemetry.ObservePartitions(() => Reading.Count());
        var ticking = Tick(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Consume(stoppingToken);
            }
            catch (Exception fault) when (fault is RabbitMQClientException or IOException or OperationCanceledException && !stoppingToken.IsCancellationRequested)
            {
                log.BrokerAway(fault.Message);
            }

            foreach (var judge in judges.All)
            {
                judge.Clear();
            }

            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await ticking;
    }

    /// <summary>What was learned must be there before the first window is judged.</summary>
    private async Task Remember(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await baselines.Load(stopping);
                return;
            }
            catch (NpgsqlException unreachable) when (!stopping.IsCancellationRequested)
            {
                log.DatabaseAway("baselines", unreachable.Message);
                await Task.Delay(Pause, stopping);
            }
        }
    }

    /// <summary>Consumes until the connection is lost.</summary>
    private async Task Consume(CancellationToken stopping)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await using var connection = await Connect(broker.Value, "detection windows", options.Value.Heartbeat, stopping);
        connection.ConnectionShutdownAsync += (_, _) => gone.CancelAsync();
        var partitions = await WindowTopology.Count(connection, gone.Token);
        if (partitions == 0)
        {
            throw new IOException($"{WindowTopology.Queue(0)} is not there.");
        }

        _readers =
        [
            .. Enumerable.Range(0, partitions)
                .Select(partition => new PartitionReader(partition, judges, baselines, exporters, database, options.Value, clock, log)),
        ];
        log.Consuming(partitions);
        Task[] running = [.. _readers.Select(reader => reader.Run(connection, gone.Token)), shares.Keep(_readers, gone.Token)];
        await foreach (var ended in Task.WhenEach(running))
        {
            await ended; // they end with the connection; a fault is nobody's to hide
        }

        stopping.ThrowIfCancellationRequested(); // the judges are not cleared then: what they learned is saved
        throw new IOException(connection.CloseReason?.ReplyText);
    }

    private async Task Tick(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(TickInterval, clock);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            foreach (var judge in judges.All)
            {
                judge.Tick(clock.GetUtcNow());
            }
        }
    }

    internal static Task<IConnection> Connect(RabbitMqOptions options, string name, TimeSpan heartbeat, CancellationToken cancellation)
    {
        var factory = options.Connections();
        factory.AutomaticRecoveryEnabled = false; // we begin anew, with empty judges
        factory.RequestedHeartbeat = heartbeat;
        return factory.CreateConnectionAsync(name, cancellation);
    }
}
