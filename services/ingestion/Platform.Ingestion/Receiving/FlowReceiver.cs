using System.Diagnostics;
using System.Net;
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

    // One datagram of each protocol with two flows to 10.0.0.1.
    private static readonly string[] Rehearsal =
    [
        "00050002000186a06553f100000000000000000000004064c61200010a00000100000000000100020000000a00001b5800017318000182b801bb9c40"
        + "00100600fbf4fbf518180000c61200010a00000100000000000100020000000a00001b5800017318000182b801bb9c4000100600fbf4fbf518180000",
        "00090003000186a06553f10000000001000000010000003c0100000d00080004000c000400070002000b0002000400010006000100050001000a0004"
        + "000e00040002000400010004001600040015000401000052c61200010a00000100359c4011000000000001000000020000000a00001b580001731800"
        + "0182b8c61200010a00000100359c4011000000000001000000020000000a00001b5800017318000182b8",
        "000a00ae6553f10000000001000000010002003c0100000d00080004000c000400070002000b0002000400010006000100050001000a0004000e0004"
        + "0002000400010004009800080099000801000062c61200010a00000100359c4011000000000001000000020000000a00001b580000018bcfe5547800"
        + "00018bcfe56418c61200010a00000100359c4011000000000001000000020000000a00001b580000018bcfe554780000018bcfe56418",
        "0000000500000001c000020900000000000000010000ea60000000020000000100000064000000010000000500000064000000640000000000000005"
        + "0000000600000001000000010000003c000000010000005e000000040000002a02000000000102000000000208004500004c0000000040110000c612"
        + "00010a000001007b0fa00038000000000000000100000064000000010000000500000064000000640000000000000005000000060000000100000001"
        + "0000003c000000010000005e000000040000002a02000000000102000000000208004500004c0000000040110000c61200010a000001007b0fa00038"
        + "00000000",
    ];

    private long _urgentMs;
    private long _nowMs;

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
            var got = socket.Receive(MostWaitMs());
            if (stopping.IsCancellationRequested)
            {
                stoppedAt = stoppedAt == 0 ? Stopwatch.GetTimestamp() : stoppedAt;
                if (got == 0 || Stopwatch.GetElapsedTime(stoppedAt).TotalMilliseconds > DrainMs)
                {
                    break;
                }
            }

            var nowMs = _nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
            HandOn(nowMs);
            if (got > 0)
            {
                counter.At(nowMs);
                Count(got, nowMs);
            }
        }

        Send(counter.Take());
    }

    /// <summary>
    /// Decodes and counts made-up flows of every protocol, so that the code is compiled and optimised before the first real datagram: an attack
    /// may be going on when we start. Takes a fraction of a second.
    /// </summary>
    public static void Rehearse()
    {
        var objects = new ProtectedObjects
        {
            Current = new ProtectedView([new ProtectedObject(Guid.Empty, Guid.Empty, 1, [IPNetwork.Parse("10.0.0.0/8")], 1_000_000, 1000)]),
        };
        var counter = new WindowCounter(objects, WindowCounter.LongestReachSeconds, 1000);
        var handler = new Counting(counter);
        var exporter = new ExporterContext(DecodeLimits.Default);
        var datagrams = Rehearsal.Select(Convert.FromHexString).ToArray();
        for (var round = 0; round < 300; round++)
        {
            counter.At(1_700_000_000_000);
            counter.From(Guid.Empty);
            foreach (var datagram in datagrams)
            {
                FlowDecoder.Decode(datagram, exporter, 1_700_000_000_000, ref handler);
            }

            if (round % 50 == 0)
            {
                counter.TakeUrgent()?.Release();
                counter.Take()?.Release();
            }
        }
    }

    public void Dispose() => socket.Dispose();

    // Neither a quiet socket nor datagrams that gather keep urgent windows from going in time.
    private int MostWaitMs() => counter.HasUrgent && windows.HasRoom
        ? (int)Math.Clamp(_urgentMs + UrgentEveryMs - _nowMs, 0, DatagramSocket.WaitMilliseconds)
        : DatagramSocket.WaitMilliseconds;

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
                if (exporter is not null)
                {
                    counter.From(exporter.ExporterId);
                }
            }

            if (exporter is null)
            {
                Rejected++;
                exporters.Unknown.Note(source, socket.Datagram(i), nowMs);
                continue;
            }

            exporter.LastSeenMs = nowMs;
            // Another thread may hold datagrams of the same exporter when it sends from several ports.
            lock (exporter.Context)
            {
                FlowDecoder.Decode(socket.Datagram(i), exporter.Context, nowMs, ref handler);
            }
        }

        counter.Settle();
    }

    private void HandOn(long nowMs)
    {
        var openedMs = counter.OpenedMs;
        if (openedMs == 0)
        {
            return;
        }

        // A full queue means that the broker is away: the windows stay open and go on adding up.
        if (!windows.HasRoom)
        {
            return;
        }

        if (nowMs / sendEveryMs != openedMs / sendEveryMs || counter.IsOutdated)
        {
            Send(counter.Take());
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
