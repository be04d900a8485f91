using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Hosting;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Ingestion.Tests.Windows;

public sealed class WindowPublisherTests
{
    private readonly ManualTimeProvider _clock = new();
    private readonly WindowQueue _queue = new();
    private readonly ExporterRegistry _exporters = new(acceptsAll: true);
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);

    [Fact]
    public async Task Windows_that_waited_too_long_for_the_broker_are_dropped_with_a_count()
    {
        using var metrics = new IngestionMetrics();
        using var dropped = new Listener(metrics, "platform.ingestion.windows.dropped");
        await using var publisher = Publisher(new RabbitMqOptions { Host = "127.0.0.1", Port = (ushort)Loopback.FreePort() }, metrics);
        await publisher.StartAsync(TestContext.Current.CancellationToken);
        Assert.True(_queue.TryAdd(Filled()));
        _clock.Advance(TimeSpan.FromSeconds(31));

        await Eventually.Equal(1L, () => dropped.Sum);
        await publisher.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_nobody_foresaw_when_connecting_does_not_end_the_sending()
    {
        var token = TestContext.Current.CancellationToken;
        using var metrics = new IngestionMetrics();
        using var dropped = new Listener(metrics, "platform.ingestion.windows.dropped");
        var broker = new Unreadable();
        await using var publisher = new WindowPublisher(
            _queue, _exporters, broker, Options.Create(new WindowOptions()), metrics, _clock, _lifetime, NullLogger<WindowPublisher>.Instance);
        await publisher.StartAsync(token);
        Assert.True(_queue.TryAdd(Filled()));
        await Eventually.True(() => broker.Asked > 1);
        _clock.Advance(TimeSpan.FromSeconds(31));

        await Eventually.Equal(1L, () => dropped.Sum);
        await publisher.StopAsync(token);
        Assert.False(_lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task Windows_counted_while_the_broker_is_away_are_sent_when_it_is_back()
    {
        var token = TestContext.Current.CancellationToken;
        await using var server = RabbitMqServer.Own();
        await server.InitializeAsync();
        var options = new RabbitMqOptions { Host = server.Host, Port = (ushort)server.Port, User = server.User, Password = server.Password };
        await WindowPublisher.DeclareExchange(options, token);
        var factory = new ConnectionFactory { Uri = new Uri($"amqp://{server.User}:{server.Password}@{server.Host}:{server.Port}/") };
        await using (var before = await factory.CreateConnectionAsync(token))
        {
            await using var channel = await before.CreateChannelAsync(cancellationToken: token);
            await channel.QueueDeclareAsync("windows", durable: true, exclusive: false, autoDelete: false, cancellationToken: token);
            await channel.QueueBindAsync("windows", WindowPublisher.Exchange, "", cancellationToken: token);
        }

        using var metrics = new IngestionMetrics();
        using var sent = new Listener(metrics, "platform.ingestion.windows.sent");
        await using var publisher = Publisher(options, metrics);
        await publisher.StartAsync(token);
        Assert.True(_queue.TryAdd(Filled()));
        await Eventually.Equal(1L, () => sent.Sum);
        await server.Stop();
        Assert.True(_queue.TryAdd(Filled()));
        await server.Start();
        await Eventually.Equal(2L, () => sent.Sum, TimeSpan.FromSeconds(60));
        await publisher.StopAsync(token);

        await using var after = await factory.CreateConnectionAsync(token);
        await using var reading = await after.CreateChannelAsync(cancellationToken: token);
        var message = await reading.BasicGetAsync("windows", autoAck: true, token);
        Assert.Equal(2ul, TrafficWindowBatch.Parser.ParseFrom(message!.Body.Span).Sequence); // the first went with the queue's memory
    }

    [Fact]
    public async Task Every_second_in_which_telemetry_was_heard_says_so_and_no_other()
    {
        var token = TestContext.Current.CancellationToken;
        await using var server = RabbitMqServer.Own();
        await server.InitializeAsync();
        var options = new RabbitMqOptions { Host = server.Host, Port = (ushort)server.Port, User = server.User, Password = server.Password };
        await WindowPublisher.DeclareExchange(options, token);
        var factory = new ConnectionFactory { Uri = new Uri($"amqp://{server.User}:{server.Password}@{server.Host}:{server.Port}/") };
        await using var connection = await factory.CreateConnectionAsync(token);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: token);
        await channel.QueueDeclareAsync("beats", cancellationToken: token);
        await channel.QueueBindAsync("beats", WindowPublisher.Beats, "", cancellationToken: token);
        using var metrics = new IngestionMetrics();
        await using var publisher = Publisher(options, metrics);
        await publisher.StartAsync(token);
        var exporter = _exporters.Find(HostAddress.From(IPAddress.Parse("192.0.2.1")))!;

        for (var datagram = 1; datagram <= 2; datagram++)
        {
            exporter.LastSeenMs = datagram;
            await Eventually.Passes(async () =>
            {
                _clock.Advance(TimeSpan.FromSeconds(1)); // the first beats connect
                var message = await channel.BasicGetAsync("beats", autoAck: true, token);
                Assert.Equal(datagram * 1_000, TelemetryBeat.Parser.ParseFrom(message is null ? [] : message.Body.Span).HeardAtUnixUs);
            });
        }

        for (var second = 0; second < 5; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1)); // nothing is heard
        }

        await publisher.StopAsync(token);
        Assert.Null(await channel.BasicGetAsync("beats", autoAck: true, token));
    }

    private WindowPublisher Publisher(RabbitMqOptions broker, IngestionMetrics metrics) => new(
        _queue, _exporters, Options.Create(broker), Options.Create(new WindowOptions()), metrics, _clock, _lifetime, NullLogger<WindowPublisher>.Instance);

    private FilledWindows Filled()
    {
        var watched = new ProtectedObject(
            AnIngestionService.Shop, AnIngestionService.Acme, 1, [IPNetwork.Parse("203.0.113.0/24")], ulong.MaxValue, ulong.MaxValue);
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([watched]) }, 10, 100);
        var nowMs = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        counter.At(nowMs);
        counter.Add(new FlowRecord
        {
            Destination = HostAddress.From(IPAddress.Parse("203.0.113.9")),
            Bytes = 100,
            Packets = 1,
            Flows = 1,
            SamplingRate = 1,
            EndMs = nowMs,
            NowMs = nowMs,
        });
        return counter.Take()!;
    }

    private sealed class Unreadable : IOptions<RabbitMqOptions>
    {
        public int Asked;

        public RabbitMqOptions Value => Interlocked.Increment(ref Asked) > 0 ? throw new NotSupportedException() : new();
    }

    private sealed class Listener : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _sum;

        public Listener(IngestionMetrics metrics, string name)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter, metrics.Meter) && instrument.Name == name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _sum, value));
            _listener.Start();
        }

        public long Sum => Interlocked.Read(ref _sum);

        public void Dispose() => _listener.Dispose();
    }
}
