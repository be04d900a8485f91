using System.Diagnostics;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Receiving;

/// <summary>
/// One receiving thread: takes datagrams, decides whether the sender is registered, decodes, counts, and hands windows on. Never waits for anything but datagrams:
/// when nobody takes the windows they are merged here, and in the end dropped with a count.
/// </summary>
internal sealed class FlowReceiver(
    DatagramSocket socket,
    ExporterRegistry exporters,
    WindowCounter counter,
    WindowQueue windows,
    int sendEveryMs,
    TimeProvider clock) : IDisposable
{
    private const int UrgentEveryMs = 100;
    private const long DrainMs = 2000;

    private long _urgentMs;

    public DatagramSocket Socket => socket;

    public WindowCounter Counter => counter;

    public long Datagrams { get; private set; }

    /// <summary>Datagrams from senders that are not registered.</summary>
    public long Rejected { get; private set; }

    /// <summary>Receives until told to stop, then takes what still lies in the socket (two seconds at most) and hands on what is left.</summary>
    public void Run(CancellationToken stopping)
    {
        DatagramSocket.PreferThisThread();
        var stoppedAt = 0L;
        while (true)
        {
            var got = socket.Receive();
            if (stopping.IsCancellationRequested)
            {
                stoppedAt = stoppedAt == 0 ? Stopwatch.GetTimestamp() : stoppedAt;
                if (got == 0 || Stopwatch.GetElapsedTime(stoppedAt).TotalMilliseconds > DrainMs)
                {
                    break;
                }
            }

            var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
            HandOn(nowMs);
            if (got > 0)
            {
                counter.At(nowMs);
                Count(got, nowMs);
            }
        }

        Send(counter.Take());
    }

    public void Dispose() => socket.Dispose();

    private void Count(int got, long nowMs)
    {
        Datagrams += got;
        var handler = new Counting(counter);
        RegisteredExporter? exporter = null;
        HostAddress last = default;
        for (var i = 0; i < got; i++)
        {
            var source = socket.Source(i);
            if (exporter is null || source != last)
            {
                exporter = exporters.Find(source);
                last = source;
            }

            if (exporter is null)
            {
                Rejected++;
                continue;
            }

            exporter.LastSeenMs = nowMs;
            // Another thread may hold datagrams of the same exporter when it sends from several ports.
            lock (exporter.Context)
            {
                FlowDecoder.Decode(socket.Datagram(i), exporter.Context, nowMs, ref handler);
            }
        }
    }

    private void HandOn(long nowMs)
    {
        var openedMs = counter.OpenedMs;
        if (openedMs == 0)
        {
            return;
        }

        if (nowMs / sendEveryMs != openedMs / sendEveryMs || counter.IsOutdated)
        {
            // A full queue means that the broker is away: the windows stay open and go on adding up.
            if (windows.HasRoom)
            {
                Send(counter.Take());
            }
        }
        else if (nowMs - _urgentMs >= UrgentEveryMs && counter.HasUrgent)
        {
            _urgentMs = nowMs;
            Send(counter.TakeUrgent());
        }
    }

    private void Send(FilledWindows? filled)
    {
        if (filled is not null && !windows.TryAdd(filled))
        {
            counter.CountDropped(filled);
        }
    }

    private readonly struct Counting(WindowCounter counter) : IFlowHandler
    {
        public static bool WantsFields => false;

        public void Flow(in FlowRecord flow) => counter.Add(in flow);

        public void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
        {
        }

        public void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
        {
        }
    }
}
