using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Windows;

public sealed class TrafficMixTests
{
    private const long Now = 1_700_000_100_500;

    private static readonly ProtectedObject Shop = new(
        Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), Guid.Empty, Version: 1, [IPNetwork.Parse("203.0.113.0/24")], WatchBytes: 1_000_000, WatchPackets: 1000);

    [Fact]
    public void A_window_says_what_the_traffic_of_its_object_was_made_of()
    {
        var sketch = Assert.Single(Sketches(Flow("198.51.100.1", 53, 4000, 40), Flow("198.51.100.2", 443, 100, 1)));

        Assert.Empty(sketch.Host);
        Assert.False(sketch.Outgoing);
        Assert.Equal(Now / 1000, sketch.Second);
        Assert.Equal((4100ul, 41ul, 2ul), (sketch.Total.Bytes, sketch.Total.Packets, sketch.Total.Flows));
        Assert.Equal(["198.51.100.1", "198.51.100.2"], sketch.Peers.Select(peer => new IPAddress(peer.Address.ToByteArray()).ToString()));
        Assert.Equal([(53u, 40ul), (443u, 1ul)], sketch.SourcePorts.Select(Packets));
        Assert.Equal([(7777u, 41ul)], sketch.DestinationPorts.Select(Packets));
        Assert.Equal([(128u, 41ul)], sketch.PacketLengths.Select(Packets));
        Assert.Equal([(17u, 41ul)], sketch.Protocols.Select(Packets));
        Assert.Equal([(3u, 41ul)], sketch.Interfaces.Select(Packets));
        Assert.Equal([(64_500u, 41ul)], sketch.AsNumbers.Select(Packets));
    }

    [Fact]
    public void Of_as_many_packets_those_with_more_bytes_are_listed_first()
    {
        var questions = Enumerable.Range(1, 20).Select(host => Flow($"198.51.100.{host}", (ushort)(1_024 + host), 70, 1));

        var sketch = Assert.Single(Sketches([.. questions, Flow("192.0.2.1", 443, 1_400, 1)]));

        Assert.Equal("192.0.2.1", new IPAddress(sketch.Peers[0].Address.ToByteArray()).ToString());
        Assert.Equal(443u, sketch.SourcePorts[0].Number);
    }

    [Fact]
    public void What_was_not_told_is_no_port_and_no_protocol_of_its_own()
    {
        var fragment = Flow("198.51.100.1", 0, 1500, 1) with { DestinationPort = 0, IsFragment = true };
        var portless = Flow("198.51.100.1", 0, 1500, 1) with { DestinationPort = 0, Knows = FlowKnowledge.Protocol };
        var halfTold = Flow("198.51.100.1", 0, 1500, 1) with { Knows = FlowKnowledge.Protocol };
        var protocolless = Flow("198.51.100.1", 0, 1500, 0) with { Protocol = 0, DestinationPort = 0, Knows = FlowKnowledge.None };
        var portZero = Flow("198.51.100.1", 0, 1500, 4);

        var sketch = Assert.Single(Sketches(fragment, portless, halfTold, protocolless, portZero));

        Assert.Equal([(0u, 4ul)], sketch.SourcePorts.Select(Packets));
        Assert.Equal([(7777u, 5ul)], sketch.DestinationPorts.Select(Packets));
        Assert.Equal([(17u, 7ul)], sketch.Protocols.Select(Packets));
        Assert.Equal([(512u, 4ul), (1518u, 3ul)], sketch.PacketLengths.Select(Packets));
    }

    [Fact]
    public void A_host_near_a_watch_level_has_a_sketch_of_its_own_at_once()
    {
        var counter = Counter();
        counter.Add(Flow("198.51.100.1", 123, bytes: 468_000, packets: 1000));
        counter.Add(Flow("198.51.100.2", 123, bytes: 46_800, packets: 100));

        var early = Decode(counter.TakeUrgent()!);
        var host = Assert.Single(early, sketch => sketch.Host.Length == 4);
        Assert.Equal("203.0.113.9", new IPAddress(host.Host.ToByteArray()).ToString());
        Assert.Equal([(123u, 1100ul)], host.SourcePorts.Select(Packets));

        counter.Add(Flow("198.51.100.3", 123, bytes: 468, packets: 1)); // still the same second: goes on being looked at
        Assert.Equal([(123u, 1ul)], Assert.Single(Decode(counter.Take()!), sketch => sketch.Host.Length == 4).SourcePorts.Select(Packets));
    }

    [Fact]
    public void However_many_sources_there_are_the_heavy_ones_are_found_and_nothing_grows()
    {
        var random = new Random(7);
        var counter = Counter();
        var heavy = 0UL;
        for (var i = 0; i < 200_000; i++)
        {
            var isHeavy = random.Next(4) == 0;
            heavy += isHeavy ? 10ul : 0;
            counter.Add(Flow(isHeavy ? "198.51.100.99" : $"10.{random.Next(256)}.{random.Next(256)}.{random.Next(256)}", 40_000, 1000, 10));
        }

        foreach (var sketch in Decode(counter.Take()!))
        {
            Assert.InRange(sketch.Peers.Count, 1, 16);
            Assert.Equal("198.51.100.99", new IPAddress(sketch.Peers[0].Address.ToByteArray()).ToString());
            // Drawn one in 8 or 32: off by a few percent; Space-Saving adds at most 1/32 of the total.
            Assert.InRange(sketch.Total.Packets, 1_900_000ul, 2_100_000ul);
            Assert.InRange(sketch.Peers[0].Counters.Packets, heavy * 9 / 10, heavy * 11 / 10 + 2_100_000 / 32);
        }
    }

    [Fact]
    public void Thousands_of_hosts_near_their_level_are_sketched_up_to_the_bound_in_messages_of_bounded_size()
    {
        var shop = Shop with { Prefixes = [IPNetwork.Parse("10.0.0.0/8")], WatchPackets = 1 };
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([shop]) }, 10, 1_000_000);
        counter.At(Now);
        for (var i = 0; i < TrafficMixes.Most + 100; i++)
        {
            counter.Add(Flow("198.51.100.1", 53, 100, 1, $"10.0.{i >> 8}.{i & 0xFF}"));
        }

        var messages = new WindowEncoder("replica-1").Encode(counter.Take()!).ToList();
        Assert.Equal(TrafficMixes.Most, messages.Sum(message => TrafficWindowBatch.Parser.ParseFrom(message.Body).Sketches.Count));
        Assert.Equal(TrafficMixes.Most + 100, messages.Sum(message => message.Windows));
        Assert.All(messages, message => Assert.InRange(message.Body.Count, 1, 300_000));
        Assert.InRange(counter.Totals.Unsketched, 101, 10_000);
    }

    [Fact]
    public void A_small_object_beside_a_busy_one_is_looked_at_flow_by_flow()
    {
        var busy = Shop with { ObjectId = Guid.Parse("0190aaaa-0000-7000-8000-000000000002"), Prefixes = [IPNetwork.Parse("10.0.0.0/8")] };
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([busy, Shop]) }, 10, 1_000_000);
        counter.At(Now);
        for (var i = 0; i < 5000; i++)
        {
            counter.Add(Flow("198.51.100.1", 53, 100, 1, "10.0.0.1"));
        }

        for (var i = 0; i < 50; i++)
        {
            counter.Add(Flow("198.51.100.7", 123, 468, 1));
        }

        var small = Assert.Single(Decode(counter.Take()!), sketch => sketch.Host.Length == 0 && sketch.SourcePorts[0].Number == 123);
        Assert.Equal((50ul, 50ul), (small.Total.Packets, small.Total.Flows));
    }

    [Fact]
    public void Who_tells_no_packets_is_ranked_by_bytes()
    {
        var flows = Enumerable.Range(1, 40).Select(i => Flow($"198.51.100.{i}", 53, (ulong)i * 100_000, packets: 0)).Prepend(Flow("198.51.100.99", 53, 90_000_000, packets: 0));

        var peers = Sketches([.. flows]).Single(sketch => sketch.Host.Length == 0).Peers;

        Assert.Equal("198.51.100.99", new IPAddress(peers[0].Address.ToByteArray()).ToString());
        Assert.Equal((90_000_000ul, 0ul), (peers[0].Counters.Bytes, peers[0].Counters.Packets));
    }

    private static (uint, ulong) Packets(NumberShare share) => (share.Number, share.Counters.Packets);

    private static List<TrafficSketch> Sketches(params FlowRecord[] flows)
    {
        var counter = Counter();
        foreach (ref readonly var flow in flows.AsSpan())
        {
            counter.Add(in flow);
        }

        return Decode(counter.Take()!);
    }

    private static List<TrafficSketch> Decode(FilledWindows filled)
    {
        var messages = new WindowEncoder("replica-1").Encode(filled);
        var sketches = messages.SelectMany(message => TrafficWindowBatch.Parser.ParseFrom(message.Body).Sketches).ToList();
        filled.Release();
        return sketches;
    }

    private static WindowCounter Counter()
    {
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([Shop]) }, reachSeconds: 10, rowLimit: 1_000_000);
        counter.At(Now);
        return counter;
    }

    private static FlowRecord Flow(string source, ushort sourcePort, ulong bytes, ulong packets, string destination = "203.0.113.9") => new()
    {
        Source = HostAddress.From(IPAddress.Parse(source)),
        Destination = HostAddress.From(IPAddress.Parse(destination)),
        SourcePort = sourcePort,
        DestinationPort = 7777,
        Protocol = 17,
        Knows = FlowKnowledge.All,
        Bytes = bytes,
        Packets = packets,
        InInterface = 3,
        SourceAsn = 64_500,
        Flows = 1,
        SamplingRate = 1,
        EndMs = Now,
        NowMs = Now,
    };
}
