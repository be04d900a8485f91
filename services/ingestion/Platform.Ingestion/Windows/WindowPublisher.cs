using System.Diagnostics;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Hosting;
using Platform.Ingestion.Exporters;
using RabbitMQ.Client;

namespace Platform.Ingestion.Windows;

/// <summary>
/// Sends windows to the telemetry exchange, each message confirmed by the broker, many under way at once. While the broker is away the queue fills, receivers merge their
/// windows, and what is older than <see cref="WindowOptions.KeepFor"/> is dropped with a count. A message whose confirmation is missing is not sent again:
/// receivers add increments up, and twice would be worse than once too few.
/// </summary>
internal sealed class WindowPublisher(
    WindowQueue queue,
    ExporterRegistry exporters,
    IOptions<RabbitMqOptions> broker,
    IOptions<WindowOptions> options,
    IngestionMetrics metrics,
    TimeProvider clock,
    IHostApplicationLifetime lifetime,
    ILogger<WindowPublisher> log) : IHostedService, IAsyncDisposable
{
    public const string Exchange = "telemetry.windows";
    public const string Beats = "telemetry.beats";

    private const int MostUnderWay = 64; // of some 50 kB each
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BeatInterval = TimeSpan.FromSeconds(1);

    private readonly string _source = $"{Environment.MachineName}-{Environment.ProcessId}-{clock.GetUtcNow().ToUnixTimeMilliseconds()}";
    private readonly SemaphoreSlim _underWay = new(MostUnderWay);
    private readonly SemaphoreSlim _connecting = new(1);
    private readonly CancellationTokenSource _stop = new();
    private Task _sending = Task.CompletedTask;
    private Task _beating = Task.CompletedTask;
    private IConnection? _connection;
    private IChannel? _channel;

    /// <summary>Declares the exchanges that detection and reporting bind their own to. Repeatable.</summary>
    public static async Task DeclareExchange(RabbitMqOptions broker, CancellationToken cancellationToken)
    {
        await using var connection = await Factory(broker).CreateConnectionAsync(cancellationToken);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(Exchange, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(Beats, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _sending = Task.Run(Run, CancellationToken.None);
        _beating = Task.Run(Beat, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>The receivers have stopped before: sends what they handed on last, as far as the broker takes it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Complete();
        await using var _ = cancellationToken.Register(_stop.Cancel);
        _stop.CancelAfter(TimeSpan.FromSeconds(5));
        await _sending;
        await _stop.CancelAsync();
        await _beating;
    }

    public async ValueTask DisposeAsync()
    {
        await Disconnect();
        _underWay.Dispose();
        _connecting.Dispose();
        _stop.Dispose();
    }

    // Sending that ends is a service that tells nobody what it counts: better a restart that everybody sees.
    private async Task Run()
    {
        try
        {
            await Send();
        }
        catch (Exception broken)
        {
            log.SenderBroke(broken);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    private async Task Send()
    {
        var encoder = new WindowEncoder(_source);
        await foreach (var filled in queue.TakeAll())
        {
            using var activity = IngestionMetrics.Activities.StartActivity("send windows", ActivityKind.Producer);
            var arrivedMs = filled.FirstArrivalMs;
            foreach (var message in encoder.Encode(filled))
            {
                await Send(message, arrivedMs, activity);
            }

            filled.Release();
        }

        for (var i = 0; i < MostUnderWay; i++)
        {
            await _underWay.WaitAsync(_stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Says each second that telemetry was heard, when it was: no windows can also mean that nothing is sent to anybody.</summary>
    private async Task Beat()
    {
        using var timer = new PeriodicTimer(BeatInterval, clock);
        var said = 0L;
        while (await Ticks(timer))
        {
            var heard = exporters.All.Select(exporter => exporter.LastSeenMs).DefaultIfEmpty().Max();
            if (heard <= said)
            {
                continue;
            }

            if (_channel is { IsOpen: true } channel)
            {
                said = heard;
                await Beat(channel, new TelemetryBeat { Source = _source, HeardAtUnixUs = heard * 1_000 });
            }
            else
            {
                await Connect();
            }
        }
    }

    private async Task Beat(IChannel channel, TelemetryBeat beat)
    {
        try
        {
            var properties = new BasicProperties { ContentType = "application/x-protobuf", Type = "platform.telemetry.v1.TelemetryBeat" };
            await channel.BasicPublishAsync(Beats, "", mandatory: false, properties, beat.ToByteArray(), _stop.Token);
        }
        catch (Exception lost)
        {
            log.BeatLost(lost); // the next one says as much
        }
    }

    private async Task<bool> Ticks(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task Send(EncodedWindows message, long arrivedMs, Activity? activity)
    {
        while (!_stop.IsCancellationRequested)
        {
            if (clock.GetUtcNow().ToUnixTimeMilliseconds() - arrivedMs > options.Value.KeepFor.TotalMilliseconds)
            {
                break;
            }

            if (_channel is { IsOpen: true } channel)
            {
                await _underWay.WaitAsync(CancellationToken.None);
                _ = Confirm(channel, message, activity);
                return;
            }

            await Connect();
        }

        metrics.WindowsDropped(message.Windows);
        message.Release();
    }

    private async Task Confirm(IChannel channel, EncodedWindows message, Activity? activity)
    {
        try
        {
            var properties = new BasicProperties { ContentType = "application/x-protobuf", Type = "platform.telemetry.v1.TrafficWindowBatch" };
            if (activity is not null)
            {
                properties.Headers = new Dictionary<string, object?> { ["traceparent"] = activity.Id };
            }

            await channel.BasicPublishAsync(Exchange, message.ObjectId, mandatory: false, properties, message.Body, _stop.Token);
            metrics.WindowsSent(message.Windows);
        }
        catch (Exception lost) // whatever it is: it must not end the sending of all others
        {
            metrics.WindowsDropped(message.Windows);
            log.WindowsLost(message.Windows, lost);
        }
        finally
        {
            message.Release();
            _underWay.Release();
        }
    }

    private async Task Connect()
    {
        await _connecting.WaitAsync(CancellationToken.None);
        try
        {
            if (_channel is { IsOpen: true })
            {
                return; // the other loop was quicker
            }

            await Disconnect();
            _connection = await Factory(broker.Value).CreateConnectionAsync(_stop.Token);
            _channel = await _connection.CreateChannelAsync(
                new CreateChannelOptions(
                    publisherConfirmationsEnabled: true,
                    publisherConfirmationTrackingEnabled: true,
                    outstandingPublisherConfirmationsRateLimiter: null),
                _stop.Token);
            log.BrokerConnected(broker.Value.Host, broker.Value.Port);
        }
        catch (Exception away) // whatever it is: tried again until told to stop
        {
            log.BrokerAway(away);
            await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _connecting.Release();
        }
    }

    private async Task Disconnect()
    {
        var (connection, channel) = (_connection, _channel);
        (_connection, _channel) = (null, null);
        if (channel is not null)
        {
            await channel.DisposeAsync();
        }

        if (connection is not null)
        {
            await connection.DisposeAsync();
        }
    }

    // Our own loop connects again: it knows when windows are too old to be of use.
    private static ConnectionFactory Factory(RabbitMqOptions broker)
    {
        var factory = broker.Connections();
        factory.ClientProvidedName = "ingestion telemetry";
        factory.AutomaticRecoveryEnabled = false;
        factory.RequestedHeartbeat = TimeSpan.FromSeconds(10);
        return factory;
    }
}
