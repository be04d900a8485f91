using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Windows;

/// <summary>How large a batch is: what docs/scale.md multiplies. A row that grows makes every broker's disk busier.</summary>
public sealed class BatchSizeTests
{
    private const long Now = 1_790_000_000_500; // seconds since 1970 take five bytes, as they do for a century
    private const int Hosts = 100;

    private static readonly ProtectedObject Shop = new(
        Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), Guid.Parse("0190bbbb-0000-7000-8000-000000000001"), Version: 3, [IPNetwork.Parse("203.0.113.0/24")], 1_000_000_000, 1_000_000);

    /// <summary>A hundred hosts of a shop: 40 kB in 50 packets each, in a second, TCP as servers see it, every fourth with DNS answers too; ten times as much out.</summary>
    [Fact]
    public void A_second_of_a_hundred_hosts_is_as_large_as_the_arithmetic_of_scale_says()
    {
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([Shop]) }, reachSeconds: 10, rowLimit: 1_000_000);
        counter.At(Now);
        for (var host = 0; host < Hosts; host++)
        {
            for (var flow = 0; flow < 5; flow++)
            {
                var asked = Flow(host, host * 5 + flow, protocol: 6, tcpFlags: 0x18, sourcePort: (ushort)(30_000 + host * 5 + flow), bytes: 8_000, packets: 10);
                counter.Add(asked);
                counter.Add(asked with
                {
                    Source = asked.Destination, SourcePort = asked.DestinationPort, Destination = asked.Source, DestinationPort = asked.SourcePort,
                    Bytes = 80_000, Packets = 60, SourceAsn = 0, DestinationAsn = asked.SourceAsn,
                });
            }

            if (host % 4 == 0)
            {
                counter.Add(Flow(host, host, protocol: 17, tcpFlags: 0, sourcePort: 53, bytes: 400, packets: 2));
            }
        }

        var message = Assert.Single(new WindowEncoder("platform-ingestion-5f7c9d8b6d-abcde-1-1790000000000").Encode(counter.Take()!));
        var batch = TrafficWindowBatch.Parser.ParseFrom(message.Body);
        Assert.Equal((Hosts, Hosts), (batch.Windows.Count, batch.Outgoing.Count));
        var row = batch.Windows.Concat(batch.Outgoing).Average(SizeInBatch);
        TestContext.Current.TestOutputHelper!.WriteLine($"batch {message.Body.Count}, a row {row:0.0}, sketches {string.Join(' ', batch.Sketches.Select(SizeInBatch))}");
        Assert.InRange(row, 45, 65);
        Assert.InRange(message.Body.Count, 10_000, 16_000);
    }

    private static int SizeInBatch(IMessage part) => 1 + CodedOutputStream.ComputeMessageSize(part);

    private static FlowRecord Flow(int host, int peer, byte protocol, byte tcpFlags, ushort sourcePort, ulong bytes, ulong packets) => new()
    {
        Source = HostAddress.From(new IPAddress([198, 51, (byte)(peer / 250), (byte)(peer % 250)])),
        SourcePort = sourcePort,
        Destination = HostAddress.From(new IPAddress([203, 0, 113, (byte)host])),
        DestinationPort = 443,
        Protocol = protocol,
        TcpFlags = tcpFlags,
        Bytes = bytes,
        Packets = packets,
        Flows = 1,
        SamplingRate = 1,
        InInterface = 7,
        SourceAsn = (uint)(64_500 + peer % 40),
        StartMs = Now - 100,
        EndMs = Now,
        NowMs = Now,
        Knows = FlowKnowledge.All,
    };
}
