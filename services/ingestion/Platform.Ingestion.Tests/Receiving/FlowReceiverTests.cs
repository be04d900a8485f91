using System.Net;
using System.Net.Sockets;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Receiving;
using Platform.Ingestion.Tests.Flows;
using Platform.Ingestion.Windows;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Receiving;

public sealed class FlowReceiverTests
{
    private readonly ManualTimeProvider _clock = new();
    private readonly ExporterRegistry _exporters = new();
    private readonly WindowQueue _queue = new();
    private readonly ProtectedObjects _objects = new();

    [Fact]
    public async Task Senders_that_are_not_registered_are_counted_and_never_decoded()
    {
        await WithReceiver(async (receiver, send) =>
        {
            await send([0, 9, 0, 0]);
            await Eventually.Equal(1L, () => receiver.Rejected);

            _exporters.Replace([(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), HostAddress.From(IPAddress.Loopback), 0u, null)]);
            await send([0, 9, 0, 0]);
            await Eventually.Equal(1L, () => _exporters.All.Single().Context.Errors[(int)DecodeError.HeaderTruncated]);
            Assert.Equal((2, 1), (receiver.Datagrams, receiver.Rejected));
        });
    }

    [Fact]
    public void An_exporter_that_stays_keeps_what_was_learnt_of_it()
    {
        var (id, address) = (Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), HostAddress.From(IPAddress.Loopback));
        _exporters.Replace([(id, address, 0u, null)]);
        var before = _exporters.Find(address);
        _exporters.Replace([(id, address, 1000u, FlowProtocol.Ipfix)]);

        Assert.Same(before, _exporters.Find(address));
        Assert.Equal((1000u, FlowProtocol.Ipfix), (before!.Context.SamplingOverride, before.Context.Expected));
    }

    [Fact]
    public void A_queue_that_nobody_empties_takes_no_more_and_says_so()
    {
        var rows = new FilledWindows(ProtectedView.Empty, 0, 0, default, default, new TrafficMixes(), [], []);
        while (_queue.HasRoom)
        {
            Assert.True(_queue.TryAdd(rows));
        }

        Assert.InRange(Enumerable.Range(0, 100).Count(_ => _queue.TryAdd(rows)), 0, 99);
    }

    [Fact]
    public async Task Windows_that_nobody_takes_are_merged_and_handed_on_when_there_is_room_again()
    {
        var empty = new FilledWindows(ProtectedView.Empty, 0, 0, default, default, new TrafficMixes(), [], []);
        while (_queue.HasRoom)
        {
            Assert.True(_queue.TryAdd(empty));
        }

        _exporters.Replace([(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), HostAddress.From(IPAddress.Loopback), 0u, null)]);
        _objects.Current = new ProtectedView(
            [new ProtectedObject(AnIngestionService.Shop, AnIngestionService.Acme, 1, [IPNetwork.Parse("203.0.113.0/24")], ulong.MaxValue, ulong.MaxValue)]);
        await WithReceiver(async (receiver, send) =>
        {
            for (var flows = 1; flows <= 3; flows++)
            {
                await send(Flow(bytes: 100));
                await Eventually.Equal(flows, () => (int)receiver.Counter.Totals.Matched);
                _clock.Advance(TimeSpan.FromSeconds(1));
            }

            // Three seconds in one: what could not be sent went on adding up.
            await foreach (var filled in _queue.TakeAll())
            {
                if (filled.Count > 0)
                {
                    Assert.Equal((300ul, 3u), Sum(filled.V4));
                    break;
                }
            }

            Assert.Equal(0, receiver.Counter.Totals.DroppedRows);
        });

        static (ulong Bytes, uint Flows) Sum(WindowRows<uint> rows)
        {
            var (bytes, flows) = (0ul, 0u);
            for (var i = 0; i < rows.Count; i++)
            {
                bytes += rows[i].Bytes;
                flows += rows[i].Flows;
            }

            return (bytes, flows);
        }

        static byte[] Flow(int bytes) => new Datagram().U16(5, 1).U32(100_000, 1_700_000_000, 0, 1).U8(1, 2).U16(0)
            .Address("198.51.100.7", "203.0.113.9", "192.0.2.1").U16(3, 4).U32(1, bytes, 100_000, 100_000)
            .U16(53, 40000).U8(0, 0, 17, 0).U16(64500, 64501).U8(24, 24).U16(0);
    }

    private async Task WithReceiver(Func<FlowReceiver, Func<byte[], Task>, Task> body)
    {
        var port = Loopback.FreePort();
        var socket = DatagramSocket.Open(new IPEndPoint(IPAddress.Loopback, port), 1, 1 << 20)[0];
        using var receiver = new FlowReceiver(socket, _exporters, new WindowCounter(_objects, 10, 1000), _queue, 1000, _clock);
        using var stop = new CancellationTokenSource();
        var thread = new Thread(() => receiver.Run(stop.Token));
        thread.Start();
        using var client = new UdpClient();
        try
        {
            await body(receiver, async datagram => await client.SendAsync(
                datagram, new IPEndPoint(IPAddress.Loopback, port), TestContext.Current.CancellationToken));
        }
        finally
        {
            await stop.CancelAsync();
            thread.Join();
        }
    }
}
