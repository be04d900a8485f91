using Google.Protobuf;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Platform.Mitigation.Effects;

/// <summary>
/// Hears the traffic windows of objects that are defended, and of no others: the broker sorts them out, by object, so that a quiet day costs
/// nothing. Hears also that ingestion hears anything at all, which tells quiet from silence. The queue is this process's own and dies with it.
/// </summary>
internal sealed class TrafficListener(TargetTraffic traffic, IOptions<RabbitMqOptions> broker, TimeProvider clock, ILogger<TrafficListener> log)
    : IAsyncDisposable
{
    private const string Published = "telemetry.windows";
    private const string Sorted = "telemetry.mitigation";
    private const string Beats = "telemetry.beats";
    private const string BeatType = "platform.telemetry.v1.TelemetryBeat";

    private readonly Dictionary<Guid, DateTimeOffset> _heardSince = [];
    private IConnection? _connection;
    private IChannel? _channel;
    private string _queue = "";

    /// <summary>Exchange that sorts windows by object. Repeatable; part of <c>migrate</c>.</summary>
    public static async Task Deploy(RabbitMqOptions options, CancellationToken cancellation)
    {
        await using var connection = await Connect(options, "mitigation migrate", cancellation);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
        await channel.ExchangeDeclareAsync(Published, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
        await channel.ExchangeDeclareAsync(Beats, ExchangeType.Fanout, durable: true, cancellationToken: cancellation);
        await channel.ExchangeDeclareAsync(Sorted, ExchangeType.Direct, durable: true, cancellationToken: cancellation);
        await channel.ExchangeBindAsync(Sorted, Published, routingKey: "", cancellationToken: cancellation);
    }

    /// <summary>Hears these objects from now on. Since when each was heard without a break; empty while the broker is away.</summary>
    public async Task<IReadOnlyDictionary<Guid, DateTimeOffset>> Hear(IReadOnlySet<Guid> objects, CancellationToken cancellation)
    {
        try
        {
            if (_channel is not { IsOpen: true })
            {
                await Disconnect();
                if (objects.Count == 0)
                {
                    return _heardSince;
                }

                await Begin(cancellation);
            }

            foreach (var gone in _heardSince.Keys.Where(known => !objects.Contains(known)).ToList())
            {
                await _channel!.QueueUnbindAsync(_queue, Sorted, gone.ToString(), cancellationToken: cancellation);
                _heardSince.Remove(gone);
            }

            foreach (var added in objects.Where(wanted => !_heardSince.ContainsKey(wanted)))
            {
                await _channel!.QueueBindAsync(_queue, Sorted, added.ToString(), cancellationToken: cancellation);
                _heardSince[added] = clock.GetUtcNow();
            }
        }
        catch (Exception away) when (IsAway(away) && !cancellation.IsCancellationRequested)
        {
            log.TrafficUnheard(away.Message);
            await Disconnect();
        }

        return _heardSince;
    }

    public async ValueTask DisposeAsync() => await Disconnect();

    private async Task Begin(CancellationToken cancellation)
    {
        _connection = await Connect(broker.Value, "mitigation effects", cancellation);
        _channel = await _connection.CreateChannelAsync(cancellationToken: cancellation);
        var queue = await _channel.QueueDeclareAsync(
            $"mitigation-effects-{Guid.CreateVersion7(clock.GetUtcNow()):N}",
            durable: false,
            exclusive: true,
            autoDelete: true,
            new Dictionary<string, object?> { ["x-max-length"] = 10_000, ["x-overflow"] = "drop-head" },
            cancellationToken: cancellation);
        _queue = queue.QueueName;
        await _channel.QueueBindAsync(_queue, Beats, routingKey: "", cancellationToken: cancellation);
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            try
            {
                if (delivery.BasicProperties.Type == BeatType)
                {
                    traffic.Hear(HeardAt(TelemetryBeat.Parser.ParseFrom(delivery.Body.Span)));
                }
                else
                {
                    traffic.Add(TrafficWindowBatch.Parser.ParseFrom(delivery.Body.Span));
                }
            }
            catch (InvalidProtocolBufferException)
            {
                // Of a later release, or broken: detection counts and tells those.
            }

            return Task.CompletedTask;
        };
        await _channel.BasicConsumeAsync(_queue, autoAck: true, consumer, cancellation);
    }

    private async Task Disconnect()
    {
        _heardSince.Clear(); // what was told meanwhile is lost
        var (channel, connection) = (_channel, _connection);
        (_channel, _connection) = (null, null);
        foreach (var one in (IAsyncDisposable?[])[channel, connection])
        {
            try
            {
                await (one?.DisposeAsync() ?? ValueTask.CompletedTask);
            }
            catch (Exception gone) when (IsAway(gone))
            {
                // It was lost, and that is why we let it go.
            }
        }
    }

    private DateTimeOffset HeardAt(TelemetryBeat beat)
    {
        var (heard, now) = (DateTimeOffset.UnixEpoch.AddTicks(beat.HeardAtUnixUs * TimeSpan.TicksPerMicrosecond), clock.GetUtcNow());
        return heard < now ? heard : now; // of a clock that is ahead
    }

    private static bool IsAway(Exception fault) =>
        fault is RabbitMQClientException or IOException or TimeoutException or ObjectDisposedException;

    private static Task<IConnection> Connect(RabbitMqOptions options, string name, CancellationToken cancellation)
    {
        var factory = options.Connections();
        factory.AutomaticRecoveryEnabled = false; // we begin anew: what was missed must not look like silence
        factory.RequestedHeartbeat = TimeSpan.FromSeconds(5);
        return factory.CreateConnectionAsync(name, cancellation);
    }
}
