using System.Buffers.Binary;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Flows;

public sealed class IpfixTests
{
    [Fact]
    public void Variable_lengths_and_enterprise_elements_are_walked_and_shown()
    {
        var text = new string('x', 300);
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(256, 5).U16(82, 65535).U16(0x8000 | 7, 2).U32(6871).U16(82, 65535).U16(28, 16, 1, 8))
            .Set(256, set => set
                .U8(4).Bytes("eth0"u8.ToArray()).U16(0xABCD).U8(255).U16(300).Bytes(System.Text.Encoding.ASCII.GetBytes(text))
                .Address("2001:db8::9").U64(1234)
                .U8(0).U16(1).U8(0).Address("2001:db8::a").U64(5).U8(0, 0))));

        Assert.Equal([("2001:db8::9", 1234ul), ("2001:db8::a", 5ul)], decoded.Flows.Select(flow => (flow.Destination.ToString(), flow.Bytes)));
        Assert.Equal(["eth0", text], decoded.Lines[0].GetProperty("interfaceName").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal("0xabcd", decoded.Lines[0].GetProperty("enterprise6871.7").GetString());
        Assert.Empty(decoded.Errors);
    }

    [Fact]
    public void A_variable_length_past_the_end_of_the_set_ends_the_set_and_is_counted()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (82, 65535), (1, 4)))
            .Set(256, set => set.U8(250).U32(1, 2))));

        Assert.Empty(decoded.Flows);
        Assert.Equal(1, decoded.Errors[DecodeError.RecordBeyondSet]);
    }

    [Theory]
    [InlineData(150, 4, 1_699_999_990, 1_699_999_990_000)]
    [InlineData(152, 8, 1_699_999_990_123, 1_699_999_990_123)]
    [InlineData(154, 8, (1_699_999_990 + 2_208_988_800L << 32) + (1L << 31), 1_699_999_990_500)]
    [InlineData(156, 8, (1_699_999_990 + 2_208_988_800L << 32) + (1L << 30), 1_699_999_990_250)]
    [InlineData(158, 4, 2_500_000, 1_699_999_997_500)]
    public void Every_unit_of_time_gives_the_same_kind_of_instant(int element, int length, long value, long startMs)
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (element, length), (4, 1)))
            .Set(256, set => set.Number((ulong)value, length).U8(6))));

        Assert.Equal(startMs, decoded.Flow.StartMs);
    }

    [Fact]
    public void Uptime_is_an_instant_once_the_start_of_the_system_is_known_and_only_a_duration_before()
    {
        var decoded = new Decoded()
            .Receive(Datagram.Ipfix(sets => sets
                .Set(2, set => set.Template(256, (22, 4), (21, 4)))
                .Set(256, set => set.U32(100_000, 160_000))
                .Set(3, set => set.U16(257, 2, 1).U16(149, 4, 160, 8))
                .Set(257, set => set.U32(7).U64(1_699_999_000_000))
                .Set(256, set => set.U32(1000, 2000))))
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (22, 4), (21, 4))).Set(256, set => set.U32(1000, 2000)), domain: 8));

        Assert.Equal(
            [(1_699_999_940_000, 1_700_000_000_000), (1_699_999_001_000, 1_699_999_002_000), (1_699_999_001_000, 1_699_999_002_000)],
            decoded.Flows.Select(flow => (flow.StartMs, flow.EndMs)));
    }

    /// <summary>RFC 5102: flowStartSysUpTime and flowEndSysUpTime have 32 bits, which are used up after 49.7 days.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(49)]
    [InlineData(60)]
    [InlineData(400)]
    public void Uptime_that_has_wrapped_is_as_old_as_it_says(int daysUp)
    {
        var startedMs = 1_700_000_000_000 - daysUp * 86_400_000L;
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (22, 4), (21, 4), (160, 8)))
            .Set(256, set => set.U32(1_699_999_970_000 - startedMs & uint.MaxValue, 1_699_999_999_000 - startedMs & uint.MaxValue).U64((ulong)startedMs))
            .Set(3, set => set.U16(257, 2, 1).U16(149, 4, 160, 8))
            .Set(257, set => set.U32(7).U64((ulong)startedMs))
            .Set(2, set => set.Template(258, (22, 4), (21, 4)))
            .Set(258, set => set.U32(1_699_999_970_000 - startedMs & uint.MaxValue, 1_699_999_999_000 - startedMs & uint.MaxValue))));

        Assert.All(decoded.Flows, flow => Assert.Equal((1_699_999_970_000, 1_699_999_999_000), (flow.StartMs, flow.EndMs)));
        Assert.Equal(2, decoded.Flows.Count);
    }

    [Theory]
    [InlineData("22 161", 100_000, 60_000, 1_699_999_940_000)] // a start without an origin and a duration
    [InlineData("21 161", 160_000, 60_000, 1_699_999_940_000)]
    [InlineData("22 21", 4_294_957_296, 50_000, 1_699_999_940_000)] // wrapped in between
    [InlineData("22 21", 160_000, 100_000, 0)] // ends before it starts: neither is believed
    public void An_uptime_without_an_origin_ends_when_it_is_exported(string elements, long first, long second, long startMs)
    {
        var parts = elements.Split(' ').Select(int.Parse).ToArray();
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (parts[0], 4), (parts[1], 4)))
            .Set(256, set => set.U32(first, second))));

        Assert.Equal((startMs, 1_700_000_000_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    /// <summary>A router without a clock of its own begins in 1970: what is not told is the time of export all the same.</summary>
    [Theory]
    [InlineData(4, 0, 6, 0)] // no times at all
    [InlineData(22, 100_000, 160_000, 540_000)]
    public void In_the_first_day_of_the_epoch_a_flow_ends_when_it_is_exported(int first, long firstValue, long secondValue, long startMs)
    {
        var content = new Datagram()
            .Set(2, set => set.Template(256, (first, 4), (first == 22 ? 21 : 6, 4), (1, 4))).Set(256, set => set.U32(firstValue, secondValue, 7));
        var decoded = new Decoded().Receive(new Datagram().U16(10, content.Length + 16).U32(600, 1, 7).Bytes(content));

        Assert.Equal((startMs, 600_000, 600_000), (decoded.Flow.StartMs, decoded.Flow.EndMs, decoded.Flow.NowMs));
    }

    [Theory]
    [InlineData("22:1000 21:90001000", 1_699_910_000_000, 1_700_000_000_000)] // 25 hours without an origin
    [InlineData("152:1699999940000 21:160000", 1_699_999_940_000, 1_700_000_000_000)] // an instant, and an uptime without an origin
    [InlineData("152:1700000940000 21:160000", 0, 1_700_000_000_000)]
    [InlineData("22:100000 21:160000 150:1699999935 151:1699999995", 1_699_999_935_000, 1_699_999_995_000)]
    [InlineData("22:100000 21:160000 150:1699999935 151:1699999995 160:1699999839500", 1_699_999_939_500, 1_699_999_999_500)]
    public void What_can_be_put_on_one_axis_keeps_its_duration(string fields, long startMs, long endMs)
    {
        var parts = fields.Split(' ', ':').Select(long.Parse).Chunk(2).ToArray();
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, [.. parts.Select(part => ((int)part[0], 8))]))
            .Set(256, set => Array.ForEach(parts, part => set.U64((ulong)part[1])))));

        Assert.Equal((startMs, endMs), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    /// <summary>Hours ago, or so many days that the uptime would have wrapped into the future.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(30 * 24)]
    public void The_start_of_the_system_that_was_told_before_a_restart_is_not_used_after_it(int hours)
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(257, 2, 1).U16(149, 4, 160, 8))
            .Set(257, set => set.U32(7).U64((ulong)(1_700_000_000_000 - hours * 3_600_000L)))
            .Set(2, set => set.Template(256, (22, 4), (21, 4)))
            .Set(256, set => set.U32(1000, 3000))));

        Assert.Equal((1_699_999_998_000, 1_700_000_000_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    /// <summary>RFC 4330 section 3: the seconds of NTP begin anew on 7 February 2036.</summary>
    [Fact]
    public void Instants_after_the_turn_of_2036_are_in_the_next_era()
    {
        var content = new Datagram().Set(2, set => set.Template(256, (154, 8), (155, 8))).Set(256, set => set.U64(100UL << 32, 160UL << 32));
        var decoded = new Decoded().Receive(new Datagram().U16(10, content.Length + 16).U32(2_085_978_496 + 160, 1, 7).Bytes(content));

        Assert.Equal((2_085_978_596_000, 2_085_978_656_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
        Assert.Equal(2_085_978_596_000_000, decoded.Lines[0].GetProperty("flowStartMicroseconds").GetInt64());
    }

    [Fact]
    public void A_flow_that_would_have_ended_days_before_its_export_had_a_wrong_uptime()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (22, 4), (21, 4), (160, 8)))
            .Set(256, set => set.U32(1_000, 31_000).U64(1_699_000_000_000)))); // started eleven days ago, and counts from another day

        Assert.Equal((1_699_999_970_000, 1_700_000_000_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    [Fact]
    public void A_biflow_gives_one_flow_for_each_direction()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(256, 6).U16(8, 4, 12, 4, 1, 4, 2, 4).U16(0x8001, 4).U32(29305).U16(0x8002, 4).U32(29305))
            .Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(100, 1, 2000, 20))));

        Assert.Equal(
            [("10.0.0.2", 100ul, 1ul), ("10.0.0.1", 2000ul, 20ul)],
            decoded.Flows.Select(flow => (flow.Destination.ToString(), flow.Bytes, flow.Packets)));
        Assert.Equal(2000, decoded.Lines[0].GetProperty("reverseOctetDeltaCount").GetInt32());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_answer_in_a_biflow_has_flags_of_its_own_or_none(bool tellsFlags)
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set =>
            {
                set.U16(256, tellsFlags ? 9 : 8).U16(8, 4, 12, 4, 4, 1, 6, 1, 1, 4, 2, 4).U16(0x8001, 4).U32(29305).U16(0x8002, 4).U32(29305);
                _ = tellsFlags ? set.U16(0x8006, 1).U32(29305) : set;
            })
            .Set(256, set =>
            {
                set.Address("10.0.0.1", "10.0.0.2").U8(6, 0x02).U32(100, 1, 2000, 20);
                _ = tellsFlags ? set.U8(0x12) : set;
            })));

        var (syn, synAck) = (TrafficVectorsOf.Bit(Vector.TcpSyn), TrafficVectorsOf.Bit(Vector.TcpSynAck));
        var vectors = decoded.Flows.Select(flow => TrafficVectorsOf.Flow(in flow)).ToArray();
        Assert.Equal([syn, TrafficVectors.None], vectors.Select(of => of & syn));
        Assert.Equal([TrafficVectors.None, tellsFlags ? synAck : TrafficVectors.None], vectors.Select(of => of & synAck));
    }

    [Fact]
    public void A_withdrawn_template_is_gone_and_withdrawing_an_unknown_one_is_counted()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (1, 4)).Template(257, (1, 4)))
            .Set(2, set => set.U16(256, 0).U16(300, 0))
            .Set(256, set => set.U32(5))));

        Assert.Empty(decoded.Flows);
        Assert.Equal((1, 1), (decoded.Exporter.TemplatesKept, decoded.Exporter.TemplatesWithdrawn));
        Assert.Equal(1, decoded.Errors[DecodeError.WithdrawalOfUnknownTemplate]);
    }

    [Fact]
    public void All_templates_of_a_kind_can_be_withdrawn_at_once()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (1, 4)).Template(257, (1, 4)))
            .Set(3, set => set.U16(258, 1, 1).U16(149, 4))
            .Set(2, set => set.U16(2, 0))));

        Assert.Equal((1, 2), (decoded.Exporter.TemplatesKept, decoded.Exporter.TemplatesWithdrawn));
        Assert.Empty(decoded.Errors);
    }

    [Theory]
    [InlineData("34:4=100", 100)]
    [InlineData("50:4=100", 100)]
    [InlineData("305:4=1 306:4=99", 100)]
    [InlineData("305:4=100", 100)] // without the space between intervals nothing else can be meant
    [InlineData("309:4=1 310:4=100", 100)]
    [InlineData("311:4=1008981770", 100)] // the same probability in 32 bits
    [InlineData("311:8=4576918229304087675", 100)] // 0.01 as a 64-bit float
    public void Every_way_to_say_a_sampling_rate_is_understood_in_the_record(string fields, uint rate)
    {
        var parsed = fields.Split(' ').Select(field => field.Split(':', '='))
            .Select(part => (Element: int.Parse(part[0]), Length: int.Parse(part[1]), Value: ulong.Parse(part[2]))).ToArray();
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, [.. parsed.Select(field => (field.Element, field.Length))]))
            .Set(256, set => Array.ForEach(parsed, field => set.Number(field.Value, field.Length)))));

        Assert.Equal((rate, SamplingSource.Record), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Fact]
    public void A_rate_for_the_whole_domain_comes_from_options_data()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(257, 3, 1).U16(149, 4, 305, 4, 306, 4))
            .Set(257, set => set.U32(7, 1, 999))
            .Set(2, set => set.Template(256, (1, 4)))
            .Set(256, set => set.U32(5))));

        Assert.Equal((1000u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Fact]
    public void A_rate_for_one_domain_is_that_domains_alone_whoever_tells_it()
    {
        var flow = (uint domain) => (byte[])Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 4))).Set(256, set => set.U32(5)), domain);
        var decoded = new Decoded()
            .Receive(flow(1))
            .Receive(Datagram.Ipfix(
                sets => sets.Set(3, set => set.U16(257, 2, 1).U16(149, 4, 34, 4)).Set(257, set => set.U32(1, 1000, 2, 10, 9, 7)),
                domain: 9))
            .Receive(flow(1)).Receive(flow(2)).Receive(flow(3)).Receive(flow(9));

        Assert.Equal(
            [(1u, SamplingSource.Unknown), (1000u, SamplingSource.Options), (10u, SamplingSource.Options), (1u, SamplingSource.Unknown), (7u, SamplingSource.Options)],
            decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    [Fact]
    public void Domains_that_are_only_named_are_bounded_as_other_rates_are()
    {
        var memory = new SharedMemory(1_000_000);
        var exporter = new ExporterContext(new DecodeLimits { Rates = 100 }, memory);
        var handler = new FlowList([]);
        FlowDecoder.Decode(
            (byte[])Datagram.Ipfix(sets => sets.Set(3, set => set.U16(257, 2, 1).U16(149, 4, 34, 4)).Set(257, set =>
            {
                for (var domain = 1; domain <= 1000; domain++)
                {
                    set.U32(domain, 10);
                }
            })),
            exporter,
            Decoded.ReceivedMs,
            ref handler);

        Assert.Equal(900, exporter.Errors[(int)DecodeError.TooManyRates]);
        exporter.Close();
        Assert.Equal(0, memory.Taken);
    }

    /// <summary>Ten minutes up, then started again: numbers that begin anew show it when ages alone would be possible.</summary>
    [Theory]
    [InlineData(false, 1_700_000_060_000)]
    [InlineData(true, 1_700_000_055_000)]
    public void A_restart_forgets_the_start_of_the_system_that_was_told_before_it_and_no_other(bool isToldAnew, long endMs)
    {
        var decoded = new Decoded()
            .Receive(Exported(0, 100, sets => Told(sets, -600).Set(2, set => set.Template(256, (1, 4), (21, 4))).Set(256, set => set.U32(1, 600_000))))
            .Receive(Exported(60, 0, sets => (isToldAnew ? Told(sets, 50) : sets).Set(2, set => set.Template(256, (1, 4), (21, 4))).Set(256, set => set.U32(2, 5000))))
            .Receive(Exported(60, isToldAnew ? 2u : 1u, sets => sets.Set(256, set => set.U32(3, 5000))))
            .Receive(Exported(60, isToldAnew ? 3u : 2u, sets => sets.Set(256, set => set.U32(4, 5000))));

        Assert.Equal(1_700_000_000_000, decoded.Flows[0].EndMs);
        Assert.Equal(endMs, decoded.Flows[^1].EndMs);

        static Datagram Told(Datagram sets, int seconds) => sets
            .Set(3, set => set.U16(257, 2, 1).U16(149, 4, 160, 8))
            .Set(257, set => set.U32(7).U64((ulong)(1_700_000_000 + seconds) * 1000));

        static byte[] Exported(int seconds, uint sequence, Action<Datagram> sets)
        {
            byte[] message = Datagram.Ipfix(sets, sequence: sequence);
            BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), 1_700_000_000 + seconds);
            return message;
        }
    }

    [Fact]
    public void A_rate_for_one_template_has_the_template_as_its_scope()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (1, 4)).Template(258, (1, 4)))
            .Set(3, set => set.U16(257, 3, 1).U16(145, 2, 305, 4, 306, 4))
            .Set(257, set => set.U16(258).U32(1, 99))
            .Set(256, set => set.U32(1))
            .Set(258, set => set.U32(1))));

        Assert.Equal([(1u, SamplingSource.Unknown), (100u, SamplingSource.Template)], decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    [Fact]
    public void A_sampled_packet_in_a_record_is_parsed_for_its_addresses()
    {
        var packet = new Datagram().Bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2).U16(0x0800)
            .U8(0x45, 0).U16(60, 1, 0).U8(64, 6).U16(0).Address("10.0.0.1", "10.0.0.2").U16(1000, 80).U32(0, 0).U8(0x50, 2);
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (312, 2), (315, 65535)))
            .Set(256, set => set.U16(78).U8(packet.Length).Bytes(packet))));

        var flow = decoded.Flow;
        Assert.Equal(("10.0.0.2", 80, 2, 78ul, 1ul), (flow.Destination.ToString(), flow.DestinationPort, flow.TcpFlags, flow.Bytes, flow.Packets));
    }

    [Fact]
    public void Structured_data_is_stepped_over_by_its_length()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (291, 65535), (292, 65535), (1, 4)))
            .Set(256, set => set.U8(7).U8(255, 0, 10, 0, 4, 1, 2).U8(3).U8(4, 1, 0).U32(42))));

        Assert.Equal(42ul, decoded.Flow.Bytes);
    }

    [Fact]
    public void A_template_with_both_families_uses_the_one_that_is_filled()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (8, 4), (12, 4), (27, 16), (28, 16)))
            .Set(256, set => set
                .Address("10.0.0.1", "10.0.0.2", "::", "::")
                .Address("0.0.0.0", "0.0.0.0", "2001:db8::1", "2001:db8::2"))));

        Assert.Equal(["10.0.0.2", "2001:db8::2"], decoded.Flows.Select(flow => flow.Destination.ToString()));
    }
}
