using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>What exporters tell that cannot be, that they tell elsewhere than one would look, or that is no longer true.</summary>
public sealed class MistakenExporterTests
{
    private static readonly (int, int)[] Ends = [(8, 4), (12, 4), (1, 4), (2, 4)];
    private static readonly (int, int)[] OtherWay = [(1, 4), (2, 4), (8, 4), (12, 4)];

    /// <summary>MikroTik RouterOS: element 34 of each data record has its last byte first.</summary>
    [Theory]
    [InlineData(0xE803_0000, 1000u, 1)]
    [InlineData(0x0001_0000, 256u, 1)]
    [InlineData(1000, 1000u, 0)]
    public void A_rate_with_its_last_byte_first_is_turned_round(long told, uint rate, int turned)
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, [.. Ends, (34, 4), (35, 1)]))
            .Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(1500, 1, told).U8(1)));

        Assert.Equal((rate, SamplingSource.Record), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
        Assert.Equal(turned, decoded.Exporter.Errors[(int)DecodeError.RateByteOrder]);
    }

    [Fact]
    public void A_rate_that_nobody_samples_at_is_refused_and_counted()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(257, 4, 4).U16(1, 4, 34, 4)).Set(257, set => set.U32(0, 1 << 24 | 1))
            .Set(0, set => set.Template(256, [.. Ends, (34, 4)]))
            .Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(1500, 1, 0x7FFF_0001)));

        Assert.Equal((1u, SamplingSource.Unknown), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
        Assert.Equal(2, decoded.Errors[DecodeError.RateTooHigh]);
    }

    /// <summary>Cisco Catalyst 9300: the table of samplers in source id 6, flows that name no sampler in others.</summary>
    [Fact]
    public void A_sampler_told_in_one_domain_serves_flows_of_another_that_name_none()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sourceId: 6)
                .Set(1, set => set.U16(258, 4, 12).U16(1, 4, 48, 4, 49, 1, 50, 4)).Set(258, set => set.U32(0, 1).U8(2).U32(100)))
            .Receive(Datagram.NetFlow9(sourceId: 256)
                .Set(0, set => set.Template(256, Ends).Template(257, [.. Ends, (48, 4)]))
                .Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(1000, 2))
                .Set(257, set => set.Address("10.0.0.1", "10.0.0.2").U32(1000, 2, 9)));

        Assert.Equal(
            [(100u, SamplingSource.Sampler), (1u, SamplingSource.Unknown)], // nobody described sampler 9
            decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    /// <summary>RFC 7014: flows may be sampled instead of packets, in the same way.</summary>
    [Fact]
    public void Every_tenth_flow_is_one_in_ten()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(257, 3, 1).U16(149, 4, 396, 4, 397, 4)).Set(257, set => set.U32(7, 1, 9))
            .Set(2, set => set.Template(256, Ends)).Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(1000, 2))));

        Assert.Equal((10u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Theory]
    [InlineData(14, 9, 7, 1000u)]
    [InlineData(14, 7, 9, 1u)]
    [InlineData(10, 7, 9, 1000u)]
    public void A_rate_for_what_goes_out_at_an_interface_is_not_that_of_what_comes_in(int element, int input, int output, uint rate)
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(257, 4, 8).U16(1, 4, element, 4, 34, 4)).Set(257, set => set.U32(0, 7, 1000))
            .Set(0, set => set.Template(256, [.. Ends, (10, 4), (14, 4)]))
            .Set(256, set => set.Address("10.0.0.1", "10.0.0.2").U32(100, 1, input, output)));

        Assert.Equal(rate, decoded.Flow.SamplingRate);
    }

    [Fact]
    public void Data_after_a_restart_waits_for_the_templates_that_the_exporter_has_now()
    {
        var decoded = new Decoded()
            .Receive(Started(86_400_000, 0, 100, set => set.Set(0, templates => templates.Template(256, Ends)).Set(256, Straight)))
            .Receive(Started(5000, 60, 0, set => set.Set(256, Reversed)), Decoded.ReceivedMs + 60_000);
        Assert.Single(decoded.Flows);

        decoded.Receive(Started(6000, 61, 1, set => set.Set(0, templates => templates.Template(256, OtherWay)).Set(256, Reversed)), Decoded.ReceivedMs + 61_000);

        Assert.Equal(["10.0.0.1", "10.0.0.1", "10.0.0.1"], decoded.Flows.Select(flow => flow.Source.ToString()));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>The uptime begins anew after 49.7 days; a late datagram is of before.</summary>
    [Theory]
    [InlineData(uint.MaxValue - 1000, 0, 9000u, 10)]
    [InlineData(86_400_000u, 10, 86_380_000u, 0)]
    public void An_uptime_that_falls_without_a_restart_costs_no_template(uint uptime, int second, uint nextUptime, int nextSecond)
    {
        var decoded = new Decoded()
            .Receive(Started(uptime, second, 1, set => set.Set(0, templates => templates.Template(256, Ends)).Set(256, Straight)))
            .Receive(Started(nextUptime, nextSecond, 2, set => set.Set(256, Straight)), Decoded.ReceivedMs + 10_000);

        Assert.Equal(2, decoded.Flows.Count);
    }

    [Fact]
    public void An_ipfix_count_that_begins_anew_ends_the_templates_too()
    {
        static byte[] Message(uint second, uint sequence, Action<Datagram> sets)
        {
            byte[] message = Datagram.Ipfix(sets, sequence: sequence);
            message[7] += (byte)second;
            return message;
        }

        var decoded = new Decoded()
            .Receive(Message(0, 5000, sets => sets.Set(2, set => set.Template(256, Ends)).Set(256, Straight)))
            .Receive(Message(30, 0, sets => sets.Set(256, Reversed)), Decoded.ReceivedMs + 30_000)
            .Receive(Message(31, 1, sets => sets.Set(2, set => set.Template(256, OtherWay)).Set(256, Reversed)), Decoded.ReceivedMs + 31_000);

        Assert.Equal(["10.0.0.1", "10.0.0.1", "10.0.0.1"], decoded.Flows.Select(flow => flow.Source.ToString()));
    }

    [Fact]
    public void A_template_that_changes_without_a_word_is_counted()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, Ends)).Set(0, set => set.Template(256, Ends)).Set(0, set => set.Template(256, OtherWay)));

        Assert.Equal(1, decoded.Errors[DecodeError.TemplateChanged]);
    }

    /// <summary>SonicWall and others: enterprise elements instead of addresses.</summary>
    [Fact]
    public void Records_without_addresses_are_no_traffic_and_counted()
    {
        var decoded = Counted(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(300, 3).U16(0x8000 | 1, 4).U32(8741).U16(1, 8, 2, 8).Template(301, (8, 4), (12, 4)))
            .Set(300, set => set.U32(1).U64(1000, 2).U32(1).U64(1000, 2))
            .Set(301, set => set.Address("10.0.0.1", "10.0.0.2"))));

        Assert.Equal((1, 3L), (decoded.Flows.Count, decoded.Exporter.Records));
        Assert.Equal((2L, 1L), (decoded.Exporter.Errors[(int)DecodeError.RecordWithoutAddress], decoded.Exporter.Errors[(int)DecodeError.RecordWithoutAmount]));
    }

    [Fact]
    public void A_section_of_a_packet_that_is_not_ip_is_no_traffic_and_counted()
    {
        var decoded = Counted(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(300, (10, 4), (312, 2), (315, 65535)))
            .Set(300, set => set.U32(1).U16(64).U8(20).Bytes(new byte[12]).U16(0x0806).Bytes(new byte[6]))));

        Assert.Empty(decoded.Flows);
        Assert.Equal(1, decoded.Exporter.Errors[(int)DecodeError.PacketWithoutIp]);
    }

    /// <summary>Two IPFIX messages in one datagram, against RFC 7011 section 10.3.3.</summary>
    [Fact]
    public void A_second_message_in_a_datagram_is_read_too()
    {
        byte[] first = Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, Ends)).Set(256, Straight));
        byte[] second = Datagram.Ipfix(sets => sets.Set(256, Straight), sequence: 2);
        var decoded = new Decoded().Receive([.. first, .. second]);

        Assert.Equal(2, decoded.Flows.Count);
        Assert.Empty(decoded.Errors);
        Assert.Equal(0, decoded.Exporter.SequenceGaps);
    }

    [Fact]
    public void Many_refused_templates_do_not_end_the_waiting_for_ever()
    {
        var bad = Datagram.NetFlow9(sequence: 1).Set(0, set =>
        {
            for (var id = 300; id < 364; id++)
            {
                set.Template(id);
            }
        });
        var later = Decoded.ReceivedMs + 1_900_000;
        var decoded = new Decoded().Receive(bad)
            .Receive(Datagram.NetFlow9(sequence: 2).Set(256, Straight))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(257, Straight), later)
            .Receive(Datagram.NetFlow9(sequence: 4).Set(0, set => set.Template(256, Ends).Template(257, Ends)), later);

        Assert.Single(decoded.Flows);
        Assert.Equal(1, decoded.Errors[DecodeError.DataWithoutTemplate]);
    }

    private static void Straight(Datagram set) => set.Address("10.0.0.1", "10.0.0.2").U32(1000, 2);

    private static void Reversed(Datagram set) => set.U32(1000, 2).Address("10.0.0.1", "10.0.0.2");

    private static byte[] Started(uint uptimeMs, int second, int sequence, Action<Datagram> fill)
    {
        var datagram = new Datagram().U16(9, 1).U32(uptimeMs, 1_700_000_000 + second, sequence, 7);
        fill(datagram);
        return datagram;
    }

    // As the receiver counts it: without what decode shows beside.
    private static (List<FlowRecord> Flows, ExporterContext Exporter) Counted(byte[] datagram)
    {
        var (flows, exporter) = (new List<FlowRecord>(), new ExporterContext(DecodeLimits.Default));
        var handler = new FlowList(flows);
        FlowDecoder.Decode(datagram, exporter, Decoded.ReceivedMs, ref handler);
        return (flows, exporter);
    }
}
