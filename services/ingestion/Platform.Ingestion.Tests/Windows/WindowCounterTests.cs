using System.Globalization;
using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Tests.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Windows;

public sealed class WindowCounterTests
{
    private const long Now = 1_700_000_100_500;
    private const long Second = Now / 1000;

    private static readonly ProtectedObject Shop = new(
        Guid.Parse("0190aaaa-0000-7000-8000-000000000001"),
        Guid.Parse("0190bbbb-0000-7000-8000-000000000001"),
        Version: 3,
        [IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("2001:db8::/32")],
        WatchBytes: 10_000_000,
        WatchPackets: 10_000);

    private readonly ProtectedObjects _objects = new() { Current = new ProtectedView([Shop]) };

    [Fact]
    public void Amounts_are_scaled_by_the_sampling_rate_and_counted_by_vector()
    {
        var counter = Counter();
        counter.Add(Flow(protocol: 17, bytes: 100, packets: 1, rate: 1000));
        counter.Add(Flow(protocol: 6, tcpFlags: 0x02, bytes: 40, packets: 1));
        counter.Add(Flow(protocol: 6, tcpFlags: 0x12, bytes: 60, packets: 1));
        counter.Add(Flow(protocol: 1, bytes: 84, packets: 1));

        var window = Assert.Single(Encode(counter).SelectMany(batch => batch.Windows));
        Assert.Equal("203.0.113.9", new IPAddress(window.Host.ToByteArray()).ToString());
        Assert.Equal(Second, window.Second);
        Assert.Equal((100_184ul, 1003ul, 4ul), (window.Total.Bytes, window.Total.Packets, window.Total.Flows));
        Assert.Equal(
            [
                (Vector.Udp, 100_000ul, 1000ul), (Vector.Icmp, 84ul, 1ul), (Vector.TcpSyn, 40ul, 1ul),
                (Vector.TcpSynAck, 60ul, 1ul), (Vector.TcpFinless, 60ul, 1ul),
            ],
            window.Vectors.Select(vector => (vector.Vector, vector.Counters.Bytes, vector.Counters.Packets)));
    }

    [Fact]
    public void What_a_protected_host_sends_is_counted_apart_from_what_it_receives()
    {
        var counter = Counter();
        counter.Add(Flow(source: "198.51.100.7", destination: "203.0.113.9", bytes: 100));
        counter.Add(Flow(source: "203.0.113.9", destination: "198.51.100.7", bytes: 7, rate: 10));
        counter.Add(Flow(source: "2001:db8::9", destination: "203.0.113.9", bytes: 1)); // both ends are ours

        var batches = Encode(counter);
        Assert.Equal(101, batches.SelectMany(batch => batch.Windows).Sum(window => (long)window.Total.Bytes));
        Assert.Equal(
            [("203.0.113.9", 70ul), ("2001:db8::9", 1ul)],
            batches.SelectMany(batch => batch.Outgoing)
                .Select(window => (new IPAddress(window.Host.ToByteArray()).ToString(), window.Total.Bytes)));
        Assert.Equal(3, counter.Totals.Matched);
    }

    [Fact]
    public void A_batch_names_the_object_its_tenant_and_version_and_is_numbered_per_object()
    {
        var counter = Counter();
        var encoder = new WindowEncoder("replica-1");
        for (var sequence = 1ul; sequence <= 2; sequence++)
        {
            counter.At(Now);
            counter.Add(Flow());
            var batch = TrafficWindowBatch.Parser.ParseFrom(Assert.Single(encoder.Encode(counter.Take()!)).Body);
            Assert.Equal((Shop.ObjectId.ToString(), Shop.TenantId.ToString(), 3, "replica-1", sequence, Now * 1000),
                (batch.ObjectId, batch.TenantId, batch.ObjectVersion, batch.Source, batch.Sequence, batch.FirstArrivalUnixUs));
        }
    }

    [Fact]
    public void A_batch_says_how_coarsely_its_object_was_sampled_whatever_its_flows_are_spread_to()
    {
        var counter = Counter();
        counter.Add(Flow(bytes: 100, packets: 3, rate: 10_000));
        counter.Add(Flow(bytes: 100, packets: 3));
        Assert.Equal(10_000u, Assert.Single(Encode(counter)).SamplingRate);

        counter.At(Now);
        counter.Add(Flow());
        Assert.Equal(1u, Assert.Single(Encode(counter)).SamplingRate);
    }

    [Fact, Trait("Requirement", "R4")]
    public void A_batch_says_which_exporters_told_of_its_object_and_of_no_other()
    {
        var shop = Shop with { ObjectId = Guid.Parse("0190aaaa-0000-7000-8000-000000000002"), Prefixes = [IPNetwork.Parse("198.51.100.0/24")] };
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([Shop, shop]) }, reachSeconds: 10, rowLimit: 1_000_000);
        Guid[] edges = [.. Enumerable.Range(1, 3).Select(number => new Guid(number, 0, 7, new byte[8]))];
        counter.At(Now);
        counter.From(edges[0]);
        counter.Add(Flow(destination: "203.0.113.9", source: "192.0.2.1"));
        counter.From(edges[1]);
        counter.Add(Flow(destination: "203.0.113.9", source: "192.0.2.1"));
        counter.Add(Flow(destination: "192.0.2.1", source: "198.51.100.9")); // what it sends
        counter.From(edges[2]);
        counter.Add(Flow(destination: "192.0.2.2", source: "192.0.2.1")); // of nobody whom we protect
        counter.From(edges[0]);
        counter.Add(Flow(destination: "203.0.113.10", source: "192.0.2.1"));

        var early = counter.TakeUrgent();
        var batches = Encode(counter).ToDictionary(batch => batch.ObjectId, Exporters);
        Assert.Null(early);
        Assert.Equal(edges[..2], batches[Shop.ObjectId.ToString()]);
        Assert.Equal([edges[1]], batches[shop.ObjectId.ToString()]);

        counter.At(Now);
        counter.Add(Flow(destination: "203.0.113.9", source: "192.0.2.1")); // of somebody who is not known
        Assert.Empty(Exporters(Assert.Single(Encode(counter))));

        counter.At(Now);
        counter.From(edges[2]);
        counter.Add(Flow(destination: "203.0.113.9", bytes: Shop.WatchBytes, source: "192.0.2.1"));
        Assert.Equal([edges[2]], Exporters(Assert.Single(Encode(counter.TakeUrgent()!))));
    }

    [Fact, Trait("Requirement", "R4")]
    public void Of_many_exporters_of_one_object_the_first_eight_are_named_however_many_there_are()
    {
        var counter = Counter();
        for (var number = 1; number <= 70_000; number++)
        {
            counter.From(new Guid(number, 0, 7, new byte[8]));
            counter.Add(Flow());
        }

        Assert.Equal(Enumerable.Range(1, 8), Exporters(Assert.Single(Encode(counter))).Select(exporter => int.Parse($"{exporter}"[..8], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));

        counter.At(Now); // too many to number: begun anew
        counter.From(new Guid(70_001, 0, 7, new byte[8]));
        counter.Add(Flow());
        Assert.Equal([new Guid(70_001, 0, 7, new byte[8])], Exporters(Assert.Single(Encode(counter))));
    }

    [Fact]
    public void Who_told_is_noted_without_allocation()
    {
        var counter = Counter();
        var flow = Flow();
        Guid[] edges = [.. Enumerable.Range(1, 20).Select(number => new Guid(number, 0, 7, new byte[8]))];
        Told();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Told();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Told()
        {
            for (var number = 0; number < 1_000; number++)
            {
                counter.From(edges[number % edges.Length]);
                counter.Add(in flow);
            }

            counter.Settle();
        }
    }

    private static IReadOnlyList<Guid> Exporters(TrafficWindowBatch batch) => [.. batch.Exporters.Select(id => new Guid(id.Span, bigEndian: true))];

    /// <summary>A million hosts are 45 MB of messages: they are made while they are sent, not before.</summary>
    [Fact]
    public void Messages_are_made_one_at_a_time()
    {
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([Shop with { Prefixes = [IPNetwork.Parse("10.0.0.0/8")] }]) }, reachSeconds: 10, rowLimit: 1_000_000);
        counter.At(Now);
        for (var host = 0u; host < 100_000; host++)
        {
            counter.Add(Flow(destination: $"10.{host >> 16}.{host >> 8 & 255}.{host & 255}"));
        }

        var (messages, most, allocated) = (0, 0L, 0L);
        foreach (var message in new WindowEncoder("replica-1").Encode(counter.Take()!))
        {
            var now = GC.GetAllocatedBytesForCurrentThread();
            most = ++messages > 2 ? Math.Max(most, now - allocated) : 0;
            allocated = now;
        }

        Assert.InRange(messages, 100, 200);
        Assert.InRange(most, 1, 300_000);
    }

    [Fact]
    public void Many_hosts_with_traffic_of_several_kinds_are_told_once_each_with_all_of_it()
    {
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([Shop with { Prefixes = [IPNetwork.Parse("10.0.0.0/8")] }]) }, reachSeconds: 10, rowLimit: 1_000_000);
        counter.At(Now);
        foreach (byte protocol in (byte[])[17, 1, 47])
        {
            for (var host = 0u; host < 30_000; host++)
            {
                counter.Add(Flow(destination: $"10.{host >> 16}.{host >> 8 & 255}.{host & 255}", protocol));
            }
        }

        var windows = Encode(counter).SelectMany(batch => batch.Windows).ToList();

        Assert.Equal((30_000, 30_000), (windows.Count, windows.Select(window => window.Host).Distinct().Count()));
        Assert.All(windows, window => Assert.Equal((300ul, 3ul, 3), (window.Total.Bytes, window.Total.Flows, window.Vectors.Count)));
    }

    [Fact]
    public void A_record_that_stands_for_billions_of_flows_makes_no_count_begin_anew()
    {
        var counter = Counter();
        for (var i = 0; i < 2; i++)
        {
            var flow = Flow();
            flow.Flows = uint.MaxValue - 10;
            counter.Add(in flow);
        }

        Assert.Equal(uint.MaxValue, counter.Take()!.V4[0].Flows);
    }

    [Fact]
    public void A_flow_to_nobody_whom_we_protect_leaves_no_row()
    {
        var counter = Counter();
        counter.Add(Flow(destination: "198.51.100.1"));

        Assert.Null(counter.Take());
        Assert.Equal((0, 1), (counter.Totals.Matched, counter.Totals.Unmatched));
    }

    [Fact]
    public void A_long_flow_is_no_spike_but_spread_evenly_over_its_own_seconds()
    {
        var counter = Counter();
        counter.Add(Flow(bytes: 4003, packets: 40, startMs: Now - 4500, endMs: Now - 500)); // four whole seconds

        var windows = Encode(counter).SelectMany(batch => batch.Windows).OrderBy(window => window.Second).ToList();
        Assert.Equal([Second - 4, Second - 3, Second - 2, Second - 1], windows.Select(window => window.Second));
        Assert.Equal([10ul, 10ul, 10ul, 10ul], windows.Select(window => window.Total.Packets));
        Assert.Equal(4003, windows.Sum(window => (long)window.Total.Bytes));
        Assert.All(windows, window => Assert.InRange(window.Total.Bytes, 1000ul, 1001ul));
        Assert.Equal([0ul, 0ul, 0ul, 1ul], windows.Select(window => window.Total.Flows));
    }

    [Fact]
    public void What_lies_before_the_open_windows_is_late_and_counted_not_added_to_them()
    {
        var counter = Counter(reachSeconds: 10);
        counter.Add(Flow(bytes: 6000, packets: 60, startMs: Now - 60_500, endMs: Now - 500)); // sixty seconds: 100 bytes each

        var windows = Encode(counter).SelectMany(batch => batch.Windows).ToList();
        Assert.Equal(10, windows.Count);
        Assert.All(windows, window => Assert.Equal((100ul, 1ul), (window.Total.Bytes, window.Total.Packets)));
        Assert.Equal((5000ul, 50ul, 0), (counter.Totals.LateBytes, counter.Totals.LatePackets, counter.Totals.LateFlows));
        counter.At(Now);
        counter.Add(Flow(bytes: 600, packets: 6, endMs: Now - 60_500));
        Assert.Equal((5600ul, 56ul, 1), (counter.Totals.LateBytes, counter.Totals.LatePackets, counter.Totals.LateFlows));
    }

    /// <summary>The classic complaint: sixty long flows of a hundred packets a second each, exported every minute, all together or one a second.</summary>
    [Theory]
    [InlineData(10, true)]
    [InlineData(10, false)]
    [InlineData(60, true)]
    [InlineData(60, false)]
    public void A_one_minute_active_timeout_fakes_no_spike_and_what_is_too_late_is_counted(int reachSeconds, bool together)
    {
        const int Timeout = 60, Flows = 60, PacketsPerSecond = 100, Minutes = 5;
        var counter = new WindowCounter(_objects, reachSeconds, rowLimit: 1_000_000);
        var seconds = new Dictionary<long, long>();
        var exported = 0L;
        for (var second = Second; second < Second + Minutes * Timeout; second++)
        {
            counter.At(second * 1000);
            for (var number = 0; number < Flows; number++)
            {
                if (second % Timeout == (together ? 0 : number))
                {
                    var flow = Flow(
                        bytes: PacketsPerSecond * Timeout * 100, packets: PacketsPerSecond * Timeout, startMs: (second - Timeout) * 1000, endMs: second * 1000);
                    flow.NowMs = second * 1000;
                    counter.Add(in flow);
                    exported += PacketsPerSecond * Timeout;
                }
            }

            foreach (var window in Encode(counter).SelectMany(batch => batch.Windows))
            {
                seconds[window.Second] = seconds.GetValueOrDefault(window.Second) + (long)window.Total.Packets;
            }
        }

        Assert.All(seconds.Values, packets => Assert.InRange(packets, 0, Flows * PacketsPerSecond)); // never more than there was
        Assert.Equal(exported, seconds.Values.Sum() + (long)counter.Totals.LatePackets);
        Assert.Equal(exported * (Timeout - reachSeconds) / Timeout, (long)counter.Totals.LatePackets);
        if (reachSeconds >= Timeout)
        {
            // A reach as long as the timeout gives the true rate, in every second whose flows have all been exported.
            Assert.All(seconds.Where(entry => entry.Key >= Second && entry.Key < Second + (Minutes - 2) * Timeout), entry => Assert.Equal(Flows * PacketsPerSecond, entry.Value));
        }
    }

    [Theory]
    [InlineData(600, 60, 60)]
    [InlineData(80, 60, 80)] // a record may come a little after the timeout
    [InlineData(100, 0, 100)] // not told
    public void A_flow_that_is_told_in_parts_with_the_start_of_the_whole_belongs_to_the_time_since_the_last_part(int seconds, int timeoutSeconds, int counted)
    {
        var counter = new WindowCounter(_objects, reachSeconds: 120, rowLimit: 1000);
        counter.At(Now);
        var flow = Flow(bytes: 12_000_000, startMs: Now - seconds * 1000, endMs: Now);
        flow.TimeoutMs = (uint)timeoutSeconds * 1000;
        counter.Add(in flow);

        var perSecond = Encode(counter).SelectMany(batch => batch.Windows).GroupBy(window => window.Second).ToList();
        Assert.Equal(0ul, counter.Totals.LateBytes);
        Assert.Equal(12_000_000, perSecond.Sum(second => second.Sum(window => (long)window.Total.Bytes)));
        Assert.InRange(perSecond.Count, counted, counted + 1);
    }

    [Fact]
    public void A_flow_that_ended_before_the_open_windows_is_late_as_a_whole()
    {
        var counter = Counter(reachSeconds: 10);
        counter.Add(Flow(bytes: 6000, packets: 60, startMs: Now - 90_000, endMs: Now - 60_000));

        Assert.Null(counter.Take());
        Assert.Equal(6000ul, counter.Totals.LateBytes);
    }

    [Fact]
    public void The_age_of_a_flow_counts_not_the_clock_of_its_exporter()
    {
        var counter = Counter();
        var flow = Flow(startMs: 1000, endMs: 2000);
        flow.NowMs = 3000; // an exporter that thinks it is 1970
        counter.Add(in flow);

        Assert.Equal([Second - 2, Second - 1], Encode(counter).SelectMany(batch => batch.Windows).Select(window => window.Second));
    }

    /// <summary>After a restart all exporters' data waits for templates: it belongs to the seconds in which it came, not to that of the template.</summary>
    [Theory]
    [InlineData(4_000, 0)]
    [InlineData(13_000, 20)]
    public void Data_that_waited_for_its_template_is_as_old_as_its_datagram(int waitedMs, long late)
    {
        var counter = Counter(reachSeconds: 10);
        var flows = new List<FlowRecord>();
        var handler = new FlowList(flows);
        var exporter = new ExporterContext(DecodeLimits.Default);
        FlowDecoder.Decode(
            Datagram.NetFlow9().Set(256, set => set.Address("203.0.113.9").U32(10).Address("203.0.113.9").U32(10)), exporter, Now - waitedMs, ref handler);
        FlowDecoder.Decode(Datagram.NetFlow9(sequence: 2).Set(0, set => set.Template(256, (12, 4), (1, 4))), exporter, Now, ref handler);
        flows.ForEach(flow => counter.Add(in flow));

        var seconds = late > 0 ? [] : Encode(counter).SelectMany(batch => batch.Windows).Select(window => window.Second).ToArray();
        Assert.Equal(late > 0 ? [] : new[] { (Now - waitedMs) / 1000 }, seconds);
        Assert.Equal((2, late), (flows.Count, (long)counter.Totals.LateBytes));
    }

    [Theory]
    [InlineData(long.MinValue, long.MaxValue, long.MinValue)]
    [InlineData(long.MaxValue, long.MinValue, long.MaxValue)]
    [InlineData(-1, 1, long.MaxValue)]
    public void Instants_and_amounts_that_make_no_sense_do_no_harm(long startMs, long endMs, long exportedMs)
    {
        var counter = Counter();
        var flow = Flow(bytes: ulong.MaxValue, packets: ulong.MaxValue, rate: uint.MaxValue, startMs: startMs, endMs: endMs);
        flow.NowMs = exportedMs;
        counter.Add(in flow);

        Assert.All(Encode(counter).SelectMany(batch => batch.Windows), window => Assert.InRange(window.Total.Bytes, 0ul, 1ul << 48));
    }

    [Fact]
    public void A_row_near_a_threshold_is_sent_early_and_the_rest_later_adds_up()
    {
        var counter = Counter();
        counter.Add(Flow(bytes: 9_000_000, packets: 1));
        Assert.Null(counter.TakeUrgent());
        counter.Add(Flow(bytes: 2_000_000, packets: 1));
        var early = counter.TakeUrgent();
        counter.Add(Flow(bytes: 5, packets: 1));

        var encoder = new WindowEncoder("replica-1");
        var windows = new[] { early!, counter.Take()! }.SelectMany(filled => encoder.Encode(filled).ToList())
            .SelectMany(message => TrafficWindowBatch.Parser.ParseFrom(message.Body).Windows).ToList();
        Assert.Equal([11_000_000ul, 5ul], windows.Select(window => window.Total.Bytes));
        Assert.Equal(3, windows.Sum(window => (long)window.Total.Packets));
    }

    /// <summary>Flows of one host that last up to nine seconds have 55 rows: none of them comes to a tenth of the threshold that the host is at.</summary>
    [Fact]
    public void A_host_whose_traffic_lies_in_many_long_flows_is_sent_early_too()
    {
        var counter = Counter();
        for (var end = 0; end < 10; end++)
        {
            for (var start = end; start < 10; start++)
            {
                counter.Add(Flow(bytes: Shop.WatchBytes * 10 / 55, startMs: (Second - start) * 1000 + 1, endMs: (Second - end) * 1000 + 400));
            }
        }

        Assert.NotNull(counter.TakeUrgent());
        counter.Add(Flow(destination: "203.0.113.10", bytes: Shop.WatchBytes / 9, startMs: Now - 5000));
        counter.Add(Flow(destination: "203.0.113.11", bytes: Shop.WatchBytes / 2));
        Assert.Null(counter.TakeUrgent());
    }

    [Fact]
    public void A_full_table_counts_what_it_could_not_take()
    {
        var counter = new WindowCounter(_objects, reachSeconds: 10, rowLimit: 100);
        counter.At(Now);
        for (var i = 0; i < 150; i++)
        {
            counter.Add(Flow(destination: $"203.0.113.{i}"));
        }

        counter.Settle();
        Assert.Equal((100, 50), (counter.Rows, counter.Totals.Overflowed));
    }

    [Fact]
    public void Windows_that_stay_open_for_minutes_are_dropped_with_a_count()
    {
        var counter = Counter();
        counter.Add(Flow());
        counter.At(Now + 300_000);

        Assert.Equal((0, 1), (counter.Rows, counter.Totals.DroppedRows));
    }

    [Fact]
    public void New_prefixes_count_from_the_next_window_on_and_the_open_one_keeps_its_own()
    {
        var counter = Counter();
        counter.Add(Flow());
        _objects.Current = ProtectedView.Empty;

        Assert.True(counter.IsOutdated);
        Assert.Single(new WindowEncoder("replica-1").Encode(counter.Take()!));
        counter.At(Now);
        counter.Add(Flow());
        Assert.Null(counter.Take());
    }

    [Fact]
    public void A_million_random_flows_add_up_to_the_exact_sums_per_host_and_second()
    {
        var random = new Random(99);
        var counter = Counter(reachSeconds: 30);
        var expected = new Dictionary<(string, long), (long Bytes, long Packets, long Flows)>();
        var hosts = Enumerable.Range(0, 250).Select(i => $"203.0.113.{i}").Append("2001:db8::1").Append("2001:db8::2").ToArray();
        for (var i = 0; i < 1_000_000; i++)
        {
            var host = hosts[random.Next(hosts.Length)];
            var second = Second - 1 - random.Next(20);
            var seconds = random.Next(1, 6);
            var each = random.Next(1, 1000);
            var flow = Flow(
                host, (byte)random.Next(20), (byte)random.Next(64), (ulong)(each * seconds), (ulong)seconds, rate: 10,
                startMs: (second - seconds + 1) * 1000 + 1, endMs: second * 1000 + 999);
            flow.NowMs = Now;
            counter.Add(in flow);
            for (var s = second - seconds + 1; s <= second; s++)
            {
                var sum = expected.GetValueOrDefault((host, s));
                expected[(host, s)] = (sum.Bytes + each * 10, sum.Packets + 10, sum.Flows + (s == second ? 1 : 0));
            }
        }

        var actual = Encode(counter).SelectMany(batch => batch.Windows)
            .ToDictionary(
                window => (new IPAddress(window.Host.ToByteArray()).ToString(), window.Second),
                window => ((long)window.Total.Bytes, (long)window.Total.Packets, (long)window.Total.Flows));
        Assert.Equal(expected.OrderBy(entry => entry.Key), actual.OrderBy(entry => entry.Key));
    }

    private WindowCounter Counter(int reachSeconds = 10)
    {
        var counter = new WindowCounter(_objects, reachSeconds, rowLimit: 1_000_000);
        counter.At(Now);
        return counter;
    }

    private static List<TrafficWindowBatch> Encode(WindowCounter counter) => counter.Take() is { } filled ? Encode(filled) : [];

    private static List<TrafficWindowBatch> Encode(FilledWindows filled) =>
        [.. new WindowEncoder("replica-1").Encode(filled).Select(message => TrafficWindowBatch.Parser.ParseFrom(message.Body))];

    private static FlowRecord Flow(
        string destination = "203.0.113.9",
        byte protocol = 17,
        byte tcpFlags = 0,
        ulong bytes = 100,
        ulong packets = 1,
        uint rate = 1,
        long startMs = Now - 100,
        long endMs = Now,
        string source = "198.51.100.1",
        ushort sourcePort = 40_000) => new()
        {
            Source = HostAddress.From(IPAddress.Parse(source)),
            SourcePort = sourcePort,
            DestinationPort = 443,
            Knows = FlowKnowledge.All,
            Destination = HostAddress.From(IPAddress.Parse(destination)),
            Protocol = protocol,
            TcpFlags = tcpFlags,
            Bytes = bytes,
            Packets = packets,
            Flows = 1,
            SamplingRate = rate,
            StartMs = startMs,
            EndMs = endMs,
            NowMs = Now,
        };
}
