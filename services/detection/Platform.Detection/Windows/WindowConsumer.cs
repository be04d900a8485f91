using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Learning;
using Platform.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Platform.Detection.Windows;

/// <summary>
/// Reads every partition of the telemetry bus that no other process reads; the broker decides, by single active consumer. When the connection
/// is lost the judges forget what they knew, because somebody else goes on with it.
/// </summary>
internal sealed class WindowConsumer(
    WindowJudges judges,
    ObjectDirectory objects,
    BaselineKeeper baselines,
    IOptions<RabbitMqOptions> broker,
    IOptions<WindowOptions> options,
    TimeProvider clock,
    ILogger<WindowConsumer> log) : BackgroundService
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await objects.Complete.WaitAsync(stoppingToken);
        await Remember(stoppingToken);
        var ticking = Tick(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Consume(stoppingToken);
            }
            catch (Exception fault) when (fault is RabbitMQClientException or IOException && !stoppingToken.IsCancellationRequested)
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

    /// <summary>Consumes until connection, channel or a queue is lost.</summary>
    private async Task Consume(CancellationToken stopping)
    {
        await using var connection = await Connect(broker.Value, "detection windows", options.Value.Heartbeat, stopping);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionShutdownAsync += (_, _) => Lost();
        for (var partition = 0; partition < judges.All.Count; partition++)
        {
            var judge = judges.All[partition];
            var channel = await connection.CreateChannelAsync(cancellationToken: stopping);
            channel.ChannelShutdownAsync += (_, _) => Lost();
            await channel.BasicQosAsync(0, options.Value.Prefetch, global: false, stopping);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.UnregisteredAsync += (_, _) => Lost();
            consumer.ReceivedAsync += async (_, delivery) =>
            {
                Receive(judge, delivery);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, CancellationToken.None);
            };
            await channel.BasicConsumeAsync(WindowTopology.Queue(partition), autoAck: false, consumer, stopping);
        }

        log.Consuming(judges.All.Count);
        await lost.Task.WaitAsync(stopping);

        Task Lost()
        {
            lost.TrySetResult();
            return Task.CompletedTask;
        }
    }

    private void Receive(WindowJudge judge, BasicDeliverEventArgs delivery)
    {
        var now = clock.GetUtcNow();
        judges.Anywhere.Hear(now);
        if (delivery.BasicProperties.Type == WindowTopology.BeatType)
        {
            judge.Hear(now);
            return;
        }

        try
        {
            var batch = TrafficWindowBatch.Parser.ParseFrom(delivery.Body.Span);
            judge.Judge(batch, TraceOf(delivery.BasicProperties), now);
        }
        catch (InvalidProtocolBufferException)
        {
            Telemetry.Ignored("batch-malformed", 1);
        }
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

    private static ActivityContext TraceOf(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue("traceparent", out var header) == true
        && header is byte[] text
        && ActivityContext.TryParse(Encoding.ASCII.GetString(text), null, isRemote: true, out var trace)
            ? trace
            : default;

    internal static Task<IConnection> Connect(RabbitMqOptions options, string name, TimeSpan heartbeat, CancellationToken cancellation) =>
        new ConnectionFactory
        {
            HostName = options.Host,
            Port = options.Port,
            VirtualHost = options.VirtualHost,
            UserName = options.User,
            Password = options.Password,
            AutomaticRecoveryEnabled = false, // we begin anew, with empty judges
            RequestedHeartbeat = heartbeat,
        }.CreateConnectionAsync(name, cancellation);
}
