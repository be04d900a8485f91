using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using Npgsql;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Learning;
using Platform.Detection.SecurityEvents;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Platform.Detection.Windows;

/// <summary>
/// Stands in line for one partition and judges what comes of it; the broker lets one process at a time read. What befalls this partition befalls no other: it
/// has a channel of its own and stands in line again by itself. When it reads no more its judge forgets, because somebody else goes on.
/// </summary>
internal sealed class PartitionReader(
    int partition,
    WindowJudges judges,
    BaselineKeeper baselines,
    ObjectExporters exporters,
    NpgsqlDataSource database,
    WindowOptions options,
    TimeProvider clock,
    ILogger log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>What others learned is read within this time, or not at all: windows are waiting.</summary>
    private static readonly TimeSpan MemoryLimit = TimeSpan.FromSeconds(1);

    private readonly WindowJudge _judge = judges.All[partition];
    private TaskCompletionSource? _turn;
    private bool _isInLine;
    private long _readingSince;

    public int Partition => partition;

    public WindowJudge Judge => _judge;

    /// <summary>The broker knows of us.</summary>
    public bool IsInLine => Volatile.Read(ref _isInLine);

    /// <summary>How long ago the broker sent the first message of our turn; null while another process reads, or nothing comes.</summary>
    public TimeSpan? ReadingFor => Volatile.Read(ref _readingSince) is not 0 and var since ? Stopwatch.GetElapsedTime(since) : null;

    /// <summary>Leaves the line, or ends the turn, and stands in line again behind everybody.</summary>
    public void GoBehind() => Volatile.Read(ref _turn)?.TrySetResult();

    /// <summary>Reads until the connection is gone; what the judge knows then is the caller's affair.</summary>
    public async Task Run(IConnection connection, CancellationToken gone)
    {
        while (!gone.IsCancellationRequested)
        {
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _turn, turn);
            var isAway = false;
            try
            {
                await Read(connection, turn, gone);
            }
            catch (Exception fault) when (fault is RabbitMQClientException or IOException or OperationCanceledException)
            {
                isAway = !gone.IsCancellationRequested;
                if (isAway)
                {
                    log.PartitionAway(WindowTopology.Queue(partition), fault.Message);
                }
            }

            turn.TrySetResult();
            Volatile.Write(ref _isInLine, false);
            Volatile.Write(ref _readingSince, 0);
            if (!gone.IsCancellationRequested)
            {
                _judge.Clear();
            }

            if (isAway)
            {
                await Task.Delay(Pause, gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Read(IConnection connection, TaskCompletionSource turn, CancellationToken gone)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        await channel.BasicQosAsync(0, options.Prefetch, global: false, gone);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.ChannelShutdownAsync += (_, _) => Lost();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.UnregisteredAsync += (_, _) => Lost();
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (ReadingFor is null && !turn.Task.IsCompleted)
            {
                await Begin(gone);
            }

            if (!turn.Task.IsCompleted) // else it comes again, to the next reader
            {
                Receive(delivery);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, CancellationToken.None);
            }
        };
        await channel.BasicConsumeAsync(WindowTopology.Queue(partition), autoAck: false, consumer, gone);
        Volatile.Write(ref _isInLine, true);
        if (await Task.WhenAny(turn.Task, lost.Task).WaitAsync(gone) == lost.Task)
        {
            throw new IOException(channel.CloseReason?.ReplyText ?? "the broker ended the subscription");
        }

        Task Lost()
        {
            lost.TrySetResult();
            return Task.CompletedTask;
        }
    }

    /// <summary>Our turn: what the reader before us has open, and what it has learned and saved, is there before the first window is judged.</summary>
    private async Task Begin(CancellationToken gone)
    {
        _judge.Clear(); // what our last turn may have left behind
        Volatile.Write(ref _readingSince, Stopwatch.GetTimestamp());
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(gone);
            limit.CancelAfter(MemoryLimit);
            _judge.Resume(await OpenAnomalies.Read(database, limit.Token));
            await baselines.Load(limit.Token);
        }
        catch (Exception slow) when (slow is NpgsqlException or OperationCanceledException)
        {
            log.DatabaseAway("open anomalies and newest baselines", slow.Message);
        }
    }

    private void Receive(BasicDeliverEventArgs delivery)
    {
        var now = clock.GetUtcNow();
        judges.Anywhere.Hear(now);
        if (delivery.BasicProperties.Type == WindowTopology.BeatType)
        {
            _judge.Hear(now);
            return;
        }

        try
        {
            var batch = TrafficWindowBatch.Parser.ParseFrom(delivery.Body.Span);
            _judge.Judge(batch, TraceOf(delivery.BasicProperties), now);
            exporters.Note(batch, now);
        }
        catch (InvalidProtocolBufferException)
        {
            Telemetry.Ignored("batch-malformed", 1);
        }
    }

    private static ActivityContext TraceOf(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue("traceparent", out var header) == true
        && header is byte[] text
        && ActivityContext.TryParse(Encoding.ASCII.GetString(text), null, isRemote: true, out var trace)
            ? trace
            : default;
}
