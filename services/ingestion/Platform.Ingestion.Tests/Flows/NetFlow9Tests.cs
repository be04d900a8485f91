using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Tests.Windows;

namespace Platform.Ingestion.Tests.Flows;

public sealed class NetFlow9Tests
{
    private static readonly (int, int)[] Plain =
        [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (1, 4), (2, 4), (22, 4), (21, 4), (10, 4), (14, 4), (16, 4), (17, 4)];

    [Fact]
    public void A_record_is_read_by_its_template()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, Plain))
            .Set(256, set => set.Bytes(PlainRecord()).U8(0, 0)));

        var flow = decoded.Flow;
        Assert.Equal(("198.51.100.7", "203.0.113.9"), (flow.Source.ToString(), flow.Destination.ToString()));
        Assert.Equal((53, 40000, 17, 0x10), (flow.SourcePort, flow.DestinationPort, flow.Protocol, flow.TcpFlags));
        Assert.Equal((1_500_000ul, 1000ul), (flow.Bytes, flow.Packets));
        Assert.Equal((1_699_999_995_000, 1_699_999_999_000), (flow.StartMs, flow.EndMs));
        Assert.Equal((3u, 4u, 4_200_000_000u, 64501u), (flow.InInterface, flow.OutInterface, flow.SourceAsn, flow.DestinationAsn));
        Assert.Empty(decoded.Errors);
    }

    [Theory]
    [InlineData(0x29, 5, Vector.TcpInvalid)]
    [InlineData(0x13, 1, Vector.TcpInvalid)]
    [InlineData(0x13, 5)] // a whole connection
    public void The_flags_of_a_record_are_those_of_all_its_packets(int flags, int packets, params Vector[] vectors)
    {
        byte[] record = new Datagram().Address("198.51.100.7", "203.0.113.9").U16(53_000, 443).U8(6, flags).U32(40 * packets, packets, 95_000, 99_000, 3, 4, 64500, 64501);
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, Plain))
            .Set(256, set => set.Bytes(record).U8(0, 0)));

        Assert.Equal(vectors, TrafficVectorsTests.VectorsOf(decoded.Flow));
    }

    [Fact]
    public void Data_before_its_template_waits_and_is_decoded_when_the_template_comes()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sequence: 1).Set(256, set => set.Bytes(PlainRecord())))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(0, set => set.Template(256, Plain)));

        Assert.Equal(1_500_000ul, decoded.Flow.Bytes);
        Assert.Equal(0, decoded.Exporter.WaitingSets);
        Assert.Empty(decoded.Errors);
    }

    [Fact]
    public void Data_that_waits_has_the_rate_that_was_known_when_it_came()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sequence: 1)
                .Set(1, set => set.U16(257, 4, 4).U16(1, 4).U16(34, 4))
                .Set(257, set => set.U32(0, 100))
                .Set(256, set => set.U32(1)))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(257, set => set.U32(0, 200)).Set(256, set => set.U32(2)))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(3)));

        Assert.Equal([(1ul, 100u), (2ul, 200u), (3ul, 200u)], decoded.Flows.Select(flow => (flow.Bytes, flow.SamplingRate)));
    }

    [Fact]
    public void Data_that_waits_has_the_rate_of_its_sampler_when_it_came_and_where_none_was_known_the_first()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sequence: 1)
                .Set(1, set => set.U16(257, 4, 8).U16(1, 4).U16(48, 4, 34, 4))
                .Set(257, set => set.U32(0, 3, 100))
                .Set(256, set => set.U32(1).U8(3).U32(2).U8(4)))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(257, set => set.U32(0, 3, 50, 0, 4, 1000)))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(0, set => set.Template(256, (1, 4), (48, 1))));

        Assert.Equal([(1ul, 100u), (2ul, 1000u)], decoded.Flows.Select(flow => (flow.Bytes, flow.SamplingRate)));
    }

    [Fact]
    public void Data_that_waited_too_long_for_its_template_is_counted_and_dropped()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9().Set(256, set => set.Bytes(PlainRecord())))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(0, set => set.Template(256, Plain)), Decoded.ReceivedMs + 31_000);

        Assert.Empty(decoded.Flows);
        Assert.Equal(1, decoded.Errors[DecodeError.DataWithoutTemplate]);
    }

    [Fact]
    public void Templates_of_different_source_ids_do_not_mix()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sourceId: 1).Set(0, set => set.Template(256, (1, 4))))
            .Receive(Datagram.NetFlow9(sourceId: 2).Set(256, set => set.U32(5)));

        Assert.Empty(decoded.Flows);
        Assert.Equal(1, decoded.Exporter.WaitingSets);
    }

    [Fact]
    public void A_template_flow_set_may_hold_several_templates_and_padding()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4)).Template(257, (2, 8)).U32(0))
            .Set(257, set => set.U64(9)));

        Assert.Equal(9ul, decoded.Flow.Packets);
        Assert.Equal(2, decoded.Exporter.TemplatesRead);
        Assert.Empty(decoded.Errors);
    }

    [Fact]
    public void A_template_that_changes_is_used_from_then_on()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(11)))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(0, set => set.Template(256, (2, 2))).Set(256, set => set.U16(12)));

        Assert.Equal([(11ul, 0ul), (0ul, 12ul)], decoded.Flows.Select(flow => (flow.Bytes, flow.Packets)));
        Assert.Equal(1, decoded.Exporter.TemplatesKept);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(8)]
    public void A_counter_may_have_any_length(int length)
    {
        var largest = length == 8 ? ulong.MaxValue : (1UL << 8 * length) - 1;
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (4, 1), (1, length), (2, length)))
            .Set(256, set => set.U8(17).Number(largest, length).Number(1, length)));

        Assert.Equal((17, largest, 1ul), (decoded.Flow.Protocol, decoded.Flow.Bytes, decoded.Flow.Packets));
    }

    [Fact]
    public void The_rate_of_a_sampler_comes_from_options_data_and_never_changes_earlier_flows()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9()
                .Set(0, set => set.Template(256, (1, 4), (48, 1)))
                .Set(256, set => set.U32(1).U8(3)))
            .Receive(Datagram.NetFlow9(sequence: 2)
                .Set(1, set => set.U16(257, 4, 12).U16(1, 4).U16(48, 1, 49, 1, 50, 4).U16(0))
                .Set(257, set => set.U32(0).U8(3, 2).U32(1000).U32(0).U8(4, 2).U32(50)))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(256, set => set.U32(2).U8(3).U32(3).U8(4).U32(4).U8(9)));

        Assert.Equal(
            [(1u, SamplingSource.Unknown), (1000u, SamplingSource.Sampler), (50u, SamplingSource.Sampler), (1u, SamplingSource.Unknown)],
            decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
        Assert.Equal(2, decoded.Exporter.OptionsRecords);
    }

    [Fact]
    public void A_rate_may_belong_to_an_interface()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4), (10, 2)))
            .Set(1, set => set.U16(257, 4, 4).U16(2, 4, 34, 4))
            .Set(257, set => set.U32(5, 400))
            .Set(256, set => set.U32(1).U16(5).U32(1).U16(6)));

        Assert.Equal([400u, 1u], decoded.Flows.Select(flow => flow.SamplingRate));
    }

    [Fact]
    public void A_flow_that_names_no_sampler_has_the_rate_on_which_all_samplers_agree()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9()
                .Set(0, set => set.Template(256, (1, 4)))
                .Set(1, set => set.U16(257, 4, 8).U16(1, 4).U16(48, 1, 34, 4).U16(0))
                .Set(257, set => set.U32(0).U8(1).U32(1000).U32(0).U8(2).U32(1000)))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(256, set => set.U32(1)))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(257, set => set.U32(0).U8(2).U32(512)).Set(256, set => set.U32(2)));

        Assert.Equal(
            [(1000u, SamplingSource.Sampler), (1u, SamplingSource.Unknown)],
            decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    [Fact]
    public void A_sampler_may_be_described_in_another_domain_than_it_is_used_in()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sourceId: 0)
                .Set(1, set => set.U16(257, 4, 8).U16(1, 4).U16(48, 1, 34, 4).U16(0))
                .Set(257, set => set.U32(0).U8(1).U32(1000)))
            .Receive(Datagram.NetFlow9(sourceId: 2049).Set(0, set => set.Template(256, (1, 4), (48, 1))).Set(256, set => set.U32(1).U8(1)));

        Assert.Equal((1000u, SamplingSource.Sampler), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Fact]
    public void The_rate_of_an_interface_counts_where_packets_come_in_or_else_where_they_go_out()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4), (10, 2), (14, 2)))
            .Set(1, set => set.U16(257, 4, 4).U16(2, 4, 34, 4))
            .Set(257, set => set.U32(5, 400, 6, 300))
            .Set(256, set => set.U32(1).U16(5, 6).U32(1).U16(7, 6)));

        Assert.Equal([400u, 300u], decoded.Flows.Select(flow => flow.SamplingRate));
    }

    [Fact]
    public void The_rate_of_an_interface_may_be_told_in_another_source_unless_there_is_one_of_its_own()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9(sourceId: 0).Set(1, set => set.U16(257, 4, 4).U16(2, 4, 34, 4)).Set(257, set => set.U32(5, 1000, 6, 1000)))
            .Receive(Datagram.NetFlow9(sourceId: 1).Set(1, set => set.U16(257, 4, 4).U16(2, 4, 34, 4)).Set(257, set => set.U32(6, 10)))
            .Receive(Datagram.NetFlow9(sourceId: 1).Set(0, set => set.Template(256, (1, 4), (10, 4))).Set(256, set => set.U32(1, 5, 1, 6, 1, 7)))
            .Receive(Datagram.NetFlow9(sourceId: 2).Set(0, set => set.Template(256, (1, 4), (10, 4))).Set(256, set => set.U32(1, 5)));

        Assert.Equal(
            [(1000u, SamplingSource.Interface), (10u, SamplingSource.Interface), (1u, SamplingSource.Unknown), (1000u, SamplingSource.Interface)],
            decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    [Fact]
    public void What_a_forgotten_source_told_of_samplers_is_forgotten_with_it()
    {
        var decoded = new Decoded(new DecodeLimits { Domains = 2 })
            .Receive(Datagram.NetFlow9(sourceId: 0).Set(1, set => set.U16(257, 4, 8).U16(1, 4).U16(48, 1, 34, 4).U16(0)).Set(257, set => set.U32(0).U8(3).U32(1000)))
            .Receive(Datagram.NetFlow9(sourceId: 1).Set(0, set => set.Template(256, (1, 4), (48, 1))).Set(256, set => set.U32(1).U8(3)))
            .Receive(Datagram.NetFlow9(sourceId: 1), Decoded.ReceivedMs + 3_600_000)
            .Receive(Datagram.NetFlow9(sourceId: 2), Decoded.ReceivedMs + 3_600_000)
            .Receive(Datagram.NetFlow9(sourceId: 2).Set(0, set => set.Template(256, (1, 4), (48, 1))).Set(256, set => set.U32(1).U8(3)), Decoded.ReceivedMs + 3_600_000);

        Assert.Equal([1000u, 1u], decoded.Flows.Select(flow => flow.SamplingRate));
    }

    /// <summary>RFC 3954 section 6.1, scope 3; in IPFIX element 141. No record names its line card.</summary>
    [Theory]
    [InlineData(1000, 1000u, "LineCard")]
    [InlineData(10, 1u, "Unknown")]
    public void The_rate_of_line_cards_counts_where_all_agree(int second, uint rate, string source)
    {
        var v9 = new Decoded()
            .Receive(Datagram.NetFlow9(sourceId: 0).Set(1, set => set.U16(257, 4, 4).U16(3, 4, 34, 4)).Set(257, set => set.U32(0, 1000, 2, second)))
            .Receive(Datagram.NetFlow9(sourceId: 0, sequence: 2).Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1)))
            .Receive(Datagram.NetFlow9(sourceId: 7).Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1)));
        var ipfix = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(257, 3, 2).U16(149, 4, 141, 4, 34, 4)).Set(257, set => set.U32(7, 1, 1000, 7, 2, second))
            .Set(2, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1))));

        Assert.All([.. v9.Flows, .. ipfix.Flows], flow => Assert.Equal((rate, source), (flow.SamplingRate, flow.SamplingSource.ToString())));
        Assert.Equal((2, 1), (v9.Flows.Count, ipfix.Flows.Count));
    }

    [Fact]
    public void A_rate_for_all_wins_over_that_of_line_cards()
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9().Set(1, set => set.U16(257, 4, 4).U16(3, 4, 34, 4).U16(258, 4, 4).U16(1, 4, 34, 4))
                .Set(257, set => set.U32(0, 1000)).Set(258, set => set.U32(0, 100))
                .Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1)));

        Assert.Equal((100u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Fact]
    public void A_rate_may_belong_to_a_template_and_says_nothing_about_others()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4)).Template(258, (1, 4)))
            .Set(1, set => set.U16(257, 4, 4).U16(5, 2, 34, 4).U16(0))
            .Set(257, set => set.U16(256).U32(400))
            .Set(256, set => set.U32(1))
            .Set(258, set => set.U32(1)));

        Assert.Equal([(400u, SamplingSource.Template), (1u, SamplingSource.Unknown)], decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
        Assert.Equal([(SamplingSource.Template, 256u, 400u)], decoded.Exporter.Domains.Single().Rates.All);
    }

    [Fact]
    public void A_field_of_no_length_has_no_value_and_takes_no_room()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(257, 4, 8).U16(1, 0).U16(34, 4, 35, 1).U16(0))
            .Set(0, set => set.Template(256, (1, 4), (5, 0), (2, 4)))
            .Set(257, set => set.U32(100).U8(2))
            .Set(256, set => set.U32(11, 12, 21, 22)));

        Assert.Equal([(11ul, 12ul, 100u), (21ul, 22ul, 100u)], decoded.Flows.Select(flow => (flow.Bytes, flow.Packets, flow.SamplingRate)));
        Assert.False(decoded.Lines[1].TryGetProperty("ipClassOfService", out _));
        Assert.Empty(decoded.Errors);
    }

    [Fact]
    public void Text_of_variable_length_is_read_in_version_nine_too()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(3281, (82, 65535), (1, 4)))
            .Set(3281, set => set.U8(4).Bytes("ge-1"u8.ToArray()).U32(11).U8(0).U32(12)));

        Assert.Equal([11ul, 12ul], decoded.Flows.Select(flow => flow.Bytes));
        Assert.Equal("ge-1", decoded.Lines[0].GetProperty("interfaceName").GetString());
    }

    [Fact]
    public void Zeros_after_the_last_flow_set_are_padding()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(11)).Bytes(new byte[900]));

        Assert.Equal(11ul, decoded.Flow.Bytes);
        Assert.Empty(decoded.Errors);
    }

    [Fact]
    public void Another_protocol_than_expected_is_decoded_and_counted()
    {
        var decoded = new Decoded();
        decoded.Exporter.Expected = FlowProtocol.Ipfix;
        decoded.Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1)));

        Assert.Equal(1ul, decoded.Flow.Bytes);
        Assert.Equal(1, decoded.Errors[DecodeError.ProtocolUnexpected]);
    }

    [Fact]
    public void A_setting_of_the_exporter_overrides_what_it_says()
    {
        var decoded = new Decoded();
        decoded.Exporter.SamplingOverride = 2048;
        decoded.Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4), (34, 4))).Set(256, set => set.U32(1, 10)));

        Assert.Equal((2048u, SamplingSource.Setting), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    [Fact]
    public void Uptime_that_wraps_between_start_and_export_gives_the_right_instant()
    {
        var decoded = new Decoded().Receive(new Datagram().U16(9, 1).U32(500, 1_700_000_000, 1, 7)
            .Set(0, set => set.Template(256, (22, 4), (21, 4)))
            .Set(256, set => set.U32(uint.MaxValue - 499, 400)));

        Assert.Equal((1_699_999_999_000, 1_699_999_999_900), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    [Fact]
    public void A_firewall_event_counts_both_directions_from_initiator_and_responder()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (148, 4), (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (233, 1), (323, 8), (231, 4), (232, 4)))
            .Set(256, set => set.U32(99).Address("10.0.0.1", "10.0.0.2").U16(1000, 443).U8(6, 2).U64(1_699_999_999_500).U32(300, 9000)));

        Assert.Equal(
            [("10.0.0.1", "10.0.0.2", 443, 300ul), ("10.0.0.2", "10.0.0.1", 1000, 9000ul)],
            decoded.Flows.Select(flow => (flow.Source.ToString(), flow.Destination.ToString(), (int)flow.DestinationPort, flow.Bytes)));
        Assert.Equal(1, decoded.Exporter.Records);
        Assert.Equal(2, decoded.Lines[0].GetProperty("firewallEvent").GetInt32());
    }

    [Fact]
    public void Vendor_numbers_above_the_enterprise_bit_are_plain_elements()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (56701, 8), (1, 8)))
            .Set(256, set => set.Bytes("web\0\0\0\0\0"u8.ToArray()).U64(77)));

        Assert.Equal("web", decoded.Lines[0].GetProperty("paloAltoAppId").GetString());
        Assert.Equal(77ul, decoded.Flow.Bytes);
    }

    private static byte[] PlainRecord() => new Datagram()
        .Address("198.51.100.7", "203.0.113.9").U16(53, 40000).U8(17, 0x10).U32(1_500_000, 1000, 95_000, 99_000, 3, 4, 4_200_000_000, 64501);
}
