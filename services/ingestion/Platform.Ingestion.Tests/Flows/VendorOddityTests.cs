using System.Globalization;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>What devices really send, where it differs from what one would write oneself. Built by hand from what their makers say; the source is named at each.</summary>
public sealed class VendorOddityTests
{
    /// <summary>Cisco ASA, "NetFlow Secure Event Logging": an event of a flow that begins, or is denied, has no amounts; names are filled with zeros.</summary>
    [Fact]
    public void A_firewall_event_without_amounts_is_a_record_of_no_traffic()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9(sourceId: 0)
            .Set(0, set => set.Template(
                260, (148, 4), (8, 4), (7, 2), (10, 2), (12, 4), (11, 2), (14, 2), (4, 1), (176, 1), (177, 1), (225, 4), (226, 4), (227, 2), (228, 2),
                (233, 1), (33002, 2), (323, 8), (33000, 12), (33001, 12), (40000, 20)))
            .Set(260, set => set.U32(7).Address("192.168.0.1").U16(56649, 3).Address("192.168.0.18").U16(80, 4).U8(6, 0, 0)
                .Address("203.0.113.1", "192.168.0.18").U16(1024, 80).U8(3).U16(1001).U64(1_699_999_999_385)
                .Bytes(new byte[24]).Bytes("anna"u8.ToArray()).Bytes(new byte[16]).U8(0, 0)));

        Assert.Equal(("192.168.0.1", "192.168.0.18", 0ul, 0ul), Ends(decoded));
        Assert.Equal(1_699_999_999_385, decoded.Flow.EndMs);
        Assert.Equal(
            ("anna", "203.0.113.1", 1024, 1001),
            (Text(decoded, "aaaUserName"), Text(decoded, "postNATSourceIPv4Address"), Number(decoded, "postNAPTSourceTransportPort"), Number(decoded, "fwExtEvent")));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>Cisco ASA from 9.x on: 64-bit amounts and packets of initiator (231, 298) and responder (232, 299).</summary>
    [Fact]
    public void Both_directions_have_packets_too_when_the_firewall_tells_them()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(263, (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (231, 8), (298, 8), (232, 8), (299, 8), (152, 8), (323, 8)))
            .Set(263, set => set.Address("10.0.0.1", "10.0.0.2").U16(1000, 443).U8(6).U64(5_000_000_000, 4_000_000, 9000, 10, 1_699_999_990_000, 1_699_999_999_000)));

        Assert.Equal([(5_000_000_000ul, 4_000_000ul), (9000ul, 10ul)], decoded.Flows.Select(flow => (flow.Bytes, flow.Packets)));
        Assert.All(decoded.Flows, flow => Assert.Equal((1_699_999_990_000, 1_699_999_999_000), (flow.StartMs, flow.EndMs)));
    }

    /// <summary>Cisco ASA from 8.4(5) on: element 233 is 1 for a connection that begins, 5 for what it carried since the last event, 2 at its end with all of it.</summary>
    [Fact]
    public void A_firewall_tells_a_connection_several_times_and_it_counts_once()
    {
        const ulong Now = 1_700_000_000_000;
        static Datagram Event(Datagram set, int kind, ulong sent, ulong answered, ulong start) =>
            set.Address("10.0.0.1", "10.0.0.2").U8(6, kind).U64(sent, answered, start, Now);
        var template = Datagram.NetFlow9(sequence: 1)
            .Set(0, set => set.Template(263, (8, 4), (12, 4), (4, 1), (233, 1), (231, 8), (232, 8), (152, 8), (323, 8)));
        var decoded = new Decoded().Receive(template)
            .Receive(Datagram.NetFlow9(sequence: 2).Set(263, set => Event(set, 2, 1000, 2000, Now - 3_600_000))) // nobody told parts of it
            .Receive(Datagram.NetFlow9(sequence: 3).Set(263, set =>
            {
                Event(set, 1, 0, 0, Now);
                Event(set, 5, 100, 50, Now - 3_600_000);
                Event(set, 2, 250, 90, Now - 3_600_000);
                Event(set, 2, 250, 90, 0);
                Event(set, 2, 30, 10, Now - 5000);
                Event(set, 3, 0, 0, Now);
            }));

        Assert.Equal(
            [
                (1000ul, 1u), (2000ul, 1u), (0ul, 0u), (100ul, 0u), (50ul, 0u), (0ul, 1u), (0ul, 1u), (0ul, 1u), (0ul, 1u), (30ul, 1u), (10ul, 1u), (0ul, 1u),
            ],
            decoded.Flows.Select(flow => (flow.Bytes, flow.Flows)));
        Assert.Equal((long)Now - 60_000, decoded.Flows[3].StartMs); // what it carried since is no matter of the hour before
        Assert.Equal([(DecodeError.TotalToldBefore, 2L)], decoded.Errors.Select(error => (error.Key, error.Value)));
    }

    /// <summary>Cisco IOS NBAR: the table of applications is options data with text filled with zeros; the scope is the system.</summary>
    [Fact]
    public void The_table_of_applications_is_options_data()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(260, 4, 12).U16(1, 4).U16(95, 4, 96, 24, 94, 55).U16(0))
            .Set(260, set => set.Address("10.10.172.60").U32(0x0D00_01F4)
                .Bytes("argus"u8.ToArray()).Bytes(new byte[19]).Bytes("ARGUS"u8.ToArray()).Bytes(new byte[50]).U8(0)));

        Assert.Empty(decoded.Flows);
        Assert.Equal(("0x0d0001f4", "argus", "ARGUS"), (Text(decoded, "applicationId"), Text(decoded, "applicationName"), Text(decoded, "applicationDescription")));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>Cisco AVC field definitions: client and server instead of source and destination; in NetFlow v9 above the enterprise bit, in IPFIX of enterprise 9.</summary>
    [Fact]
    public void A_connection_record_names_client_and_server()
    {
        var v9 = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(268, (45004, 4), (45005, 4), (45008, 2), (45009, 2), (4, 1), (231, 8), (298, 8), (232, 8), (299, 8)))
            .Set(268, set => set.Address("10.0.0.1", "10.0.0.2").U16(50000, 443).U8(6).U64(100, 1, 2000, 2)));
        var ipfix = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(268, 5).U16(0x8000 | 12236, 4).U32(9).U16(0x8000 | 12237, 4).U32(9).U16(0x8000 | 12241, 2).U32(9).U16(1, 8, 2, 8))
            .Set(268, set => set.Address("10.0.0.1", "10.0.0.2").U16(443).U64(100, 1))));

        Assert.Equal(
            [("10.0.0.1", "10.0.0.2", 443, 100ul), ("10.0.0.2", "10.0.0.1", 50000, 2000ul)],
            v9.Flows.Select(flow => (flow.Source.ToString(), flow.Destination.ToString(), (int)flow.DestinationPort, flow.Bytes)));
        Assert.Equal(("10.0.0.1", "10.0.0.2", 100ul, 1ul), Ends(ipfix));
        Assert.Equal(("10.0.0.1", 443), (Text(ipfix, "connectionClientIPv4Address"), Number(ipfix, "connectionServerTransportPort")));
    }

    /// <summary>Juniper MX inline jflow: the rate is options data of the exporting process in the domain of one line card; flows come in those of others.</summary>
    [Fact]
    public void A_rate_told_in_one_domain_serves_flows_of_the_others()
    {
        var decoded = new Decoded()
            .Receive(Datagram.Ipfix(
                sets => sets
                    .Set(3, set => set.U16(512, 6, 1).U16(144, 4, 34, 4, 36, 2, 37, 2, 217, 1, 130, 4))
                    .Set(512, set => set.U32(2, 1000).U16(60, 60).U8(17).Address("192.0.2.1")),
                domain: 524288))
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 8))).Set(256, set => set.U64(7)), domain: 524290));

        Assert.Equal((1000u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    /// <summary>Element 36 in options data, as Juniper and Cisco tell it; amounts since the last record (1, 2) are of that time, totals (85, 86) of the whole flow.</summary>
    [Fact]
    public void The_active_timeout_goes_with_amounts_that_are_told_in_parts()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(512, 4, 1).U16(144, 4, 34, 4, 36, 2, 37, 2))
            .Set(512, set => set.U32(2, 1000).U16(60, 15)), domain: 1))
            .Receive(Datagram.Ipfix(sets => sets
                .Set(2, set => set.Template(256, (152, 8), (153, 8), (1, 8)).Template(257, (152, 8), (153, 8), (85, 8)))
                .Set(256, set => set.U64(1_699_999_000_000, 1_699_999_999_000, 7)).Set(257, set => set.U64(1_699_999_000_000, 1_699_999_999_000, 7)), domain: 2));

        Assert.Equal([60_000u, 0u], decoded.Flows.Select(flow => flow.TimeoutMs));
        Assert.All(decoded.Flows, flow => Assert.Equal(1_699_999_000_000, flow.StartMs)); // what was told is shown as it was told
    }

    /// <summary>Sections of packets: Cisco's element 104, its successor 315 (RFC 7133), and 313, which begins with IP.</summary>
    [Theory]
    [InlineData(104, true)]
    [InlineData(315, true)]
    [InlineData(313, false)]
    public void A_section_of_a_packet_is_read_as_the_packet(int element, bool isFrame)
    {
        byte[] packet = new Datagram().U8(0x45, 0).U16(1400, 1, 0).U8(64, 17).U16(0).Address("10.0.0.1", "10.0.0.2").U16(123, 4000, 1380, 0);
        byte[] frame = isFrame ? new Datagram().Bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2).U16(0x0800).Bytes(packet) : new Datagram().Bytes(packet);
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (10, 4), (element, 65535)))
            .Set(256, set => set.U32(7).U8(frame.Length).Bytes(frame))));

        Assert.Equal(("10.0.0.1", "10.0.0.2", 1400ul, 1ul), Ends(decoded));
        Assert.Equal((4000, 7u), (Number(decoded, "destinationTransportPort"), decoded.Flow.InInterface));
    }

    /// <summary>Juniper SRX: a scope of no length. What follows it is no scope.</summary>
    [Fact]
    public void A_scope_of_no_length_is_none()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(3, set => set.U16(512, 3, 1).U16(144, 0, 141, 4, 34, 4)).Set(512, set => set.U32(3, 1000))
            .Set(2, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1))));

        Assert.Equal((1000u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
    }

    /// <summary>MikroTik RouterOS: IPFIX with uptime instants, the start of the system in each record, and addresses behind the NAT.</summary>
    [Fact]
    public void Uptime_counts_from_the_start_that_the_record_itself_tells()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(258, (60, 1), (160, 8), (22, 4), (21, 4), (2, 4), (1, 4), (8, 4), (12, 4), (225, 4), (226, 4), (227, 2), (228, 2)))
            .Set(258, set => set.U8(4).U64(1_699_000_000_000).U32(999_990_000, 999_995_000, 10, 4_000_000_000)
                .Address("192.168.88.2", "198.51.100.7", "203.0.113.9", "198.51.100.7").U16(1024, 443))));

        Assert.Equal(("192.168.88.2", "198.51.100.7", 4_000_000_000ul, 10ul), Ends(decoded));
        Assert.Equal((1_699_999_990_000, 1_699_999_995_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
        Assert.Equal("203.0.113.9", Text(decoded, "postNATSourceIPv4Address"));
    }

    /// <summary>Palo Alto Networks, "NetFlow templates": the enterprise number as element 346, App-ID and User-ID above the enterprise bit, two families of templates.</summary>
    [Fact]
    public void A_v9_field_may_name_an_enterprise_without_being_of_it()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(257, (8, 4), (12, 4), (1, 8), (2, 8), (233, 1), (61, 1), (346, 4), (56701, 32), (56702, 64)))
            .Set(257, set => set.Address("10.0.0.1", "10.0.0.2").U64(1500, 1).U8(2, 0).U32(25461)
                .Bytes("ssl"u8.ToArray()).Bytes(new byte[29]).Bytes("corp\\anna"u8.ToArray()).Bytes(new byte[55])));

        Assert.Equal(("10.0.0.1", "10.0.0.2", 1500ul, 1ul), Ends(decoded));
        Assert.Equal((25461, "ssl", "corp\\anna"), (Number(decoded, "privateEnterpriseNumber"), Text(decoded, "paloAltoAppId"), Text(decoded, "paloAltoUserId")));
    }

    /// <summary>VMware vSphere Distributed Switch: enterprise elements (6876) between the others, the tenant's flow inside the overlay's.</summary>
    [Fact]
    public void Elements_of_an_overlay_do_not_take_the_place_of_the_flow()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(266, 10).U16(8, 4, 12, 4, 1, 8, 2, 8, 152, 8, 153, 8, 351, 8)
                .U16(0x8000 | 881, 4).U32(6876).U16(0x8000 | 887, 2).U32(6876).U16(0x8000 | 898, 65535).U32(6876))
            .Set(266, set => set.Address("172.18.65.21", "172.18.65.91").U64(1500, 1, 1_699_999_990_000, 1_699_999_999_000, 5001)
                .Address("192.168.1.1").U16(443).U8(3).Bytes("vds"u8.ToArray()).U8(0, 0, 0))));

        Assert.Equal(("172.18.65.21", "172.18.65.91", 1500ul, 1ul), Ends(decoded));
        Assert.Equal(("192.168.1.1", 443, 5001, "vds"), (Text(decoded, "tenantSourceIPv4"), Number(decoded, "tenantDestPort"), Number(decoded, "layer2SegmentId"), Text(decoded, "virtualObsID")));
        Assert.Equal(0, decoded.Flow.DestinationPort);
    }

    /// <summary>CERT YAF (and RFC 6313): totals and reverse totals, lists of lists at the end; the record after them begins where it should.</summary>
    [Fact]
    public void Lists_at_the_end_of_a_record_are_stepped_over_and_both_totals_count()
    {
        var list = new byte[300];
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(45841, 6).U16(8, 4, 12, 4, 85, 8).U16(0x8000 | 85, 8).U32(29305).U16(0x8000 | 14, 1).U32(6871).U16(293, 65535))
            .Set(45841, set => set
                .Address("10.0.0.1", "10.0.0.2").U64(132, 200).U8(2).U8(255).U16(300).Bytes(list)
                .Address("10.0.0.3", "10.0.0.4").U64(1, 0).U8(2).U8(0).U8(0, 0, 0))));

        Assert.Equal(
            [("10.0.0.1", 132ul), ("10.0.0.2", 200ul), ("10.0.0.3", 1ul)],
            decoded.Flows.Select(flow => (flow.Source.ToString(), flow.Bytes)));
        Assert.Equal(2, decoded.Exporter.Records);
        Assert.Empty(decoded.Errors);
    }

    /// <summary>RFC 3954 section 5.3, RFC 7011 section 3.3.1: sets are padded to four bytes or not at all, and padding is shorter than a record.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Padding_behind_the_last_record_is_no_record(int padding)
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (8, 4), (1, 3)).Bytes(new byte[padding]))
            .Set(256, set => set.Address("10.0.0.1").Number(11, 3).Address("10.0.0.2").Number(12, 3).Bytes(new byte[padding]))
            .Set(256, set => set.Address("10.0.0.3").Number(13, 3)));

        Assert.Equal([11ul, 12ul, 13ul], decoded.Flows.Select(flow => flow.Bytes));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>Seen from several: a template without any field among good ones.</summary>
    [Fact]
    public void A_template_of_no_fields_does_not_hide_those_after_it()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256).Template(257, (1, 4)))
            .Set(257, set => set.U32(11)));

        Assert.Equal(11ul, decoded.Flow.Bytes);
        Assert.Equal(1, decoded.Errors[DecodeError.TemplateEmpty]);
    }

    /// <summary>Huawei NetStream, H3C: rate and mode stand in each flow record.</summary>
    [Fact]
    public void A_rate_in_the_record_wins_over_one_in_options_data()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(257, 4, 8).U16(1, 4).U16(34, 4, 35, 1).U16(0))
            .Set(257, set => set.U32(0, 100).U8(1))
            .Set(0, set => set.Template(256, (1, 4), (34, 4), (35, 1)))
            .Set(256, set => set.U32(11, 4096).U8(2).U32(12, 0).U8(0)));

        Assert.Equal([(4096u, SamplingSource.Record), (100u, SamplingSource.Options)], decoded.Flows.Select(flow => (flow.SamplingRate, flow.SamplingSource)));
    }

    /// <summary>Every pair of instants in which flows are told (RFC 7011 section 6.1, RFC 5102): what is counted is the same.</summary>
    [Theory]
    [InlineData("150:4:1699999990 151:4:1699999995", 1_699_999_990_000, 1_699_999_995_000)]
    [InlineData("152:8:1699999990123 153:8:1699999995456", 1_699_999_990_123, 1_699_999_995_456)]
    [InlineData("158:4:10000000 159:4:5000000", 1_699_999_990_000, 1_699_999_995_000)]
    [InlineData("152:8:1699999990123 161:4:1000", 1_699_999_990_123, 1_699_999_991_123)]
    [InlineData("153:8:1699999995000 162:4:1500000", 1_699_999_993_500, 1_699_999_995_000)]
    [InlineData("22:4:90000 21:4:95000 160:8:1699999900000", 1_699_999_990_000, 1_699_999_995_000)]
    public void Start_and_end_come_in_any_unit(string fields, long startMs, long endMs)
    {
        var parts = fields.Split(' ').Select(field => field.Split(':').Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, [.. parts.Select(part => ((int)part[0], (int)part[1])), (1, 4)]))
            .Set(256, set =>
            {
                foreach (var part in parts)
                {
                    set.Number((ulong)part[2], (int)part[1]);
                }

                set.U32(1);
            })));

        Assert.Equal((startMs, endMs), (decoded.Flow.StartMs, decoded.Flow.EndMs));
        var counted = decoded.Lines[0].GetProperty("counted");
        Assert.Equal((startMs, endMs), (counted.GetProperty("flowStartMilliseconds").GetInt64(), counted.GetProperty("flowEndMilliseconds").GetInt64()));
    }

    /// <summary>Exporters whose element 153 holds the uptime of their kernel: only the distance between the two is believed.</summary>
    [Fact]
    public void An_absolute_end_that_cannot_be_is_none()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (152, 8), (153, 8), (1, 4)))
            .Set(256, set => set.U64(90_000, 95_000).U32(1).U64(0, 95_000).U32(1))));

        Assert.Equal(
            [(1_699_999_995_000, 1_700_000_000_000), (0, 1_700_000_000_000)], decoded.Flows.Select(flow => (flow.StartMs, flow.EndMs)));
    }

    /// <summary>NetFlow v9 with FIRST_SWITCHED and LAST_SWITCHED left zero: the flow was not when the exporter started.</summary>
    [Fact]
    public void Uptimes_of_zero_are_not_told()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (22, 4), (21, 4), (1, 4)))
            .Set(256, set => set.U32(0, 0, 1)));

        Assert.Equal((0, 1_700_000_000_000), (decoded.Flow.StartMs, decoded.Flow.EndMs));
    }

    [Fact]
    public void A_rate_of_zero_in_one_element_does_not_hide_that_of_another()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4), (34, 4), (50, 4)))
            .Set(256, set => set.U32(7, 0, 100).U32(7, 200, 100)));

        Assert.Equal([100u, 200u], decoded.Flows.Select(flow => flow.SamplingRate));
    }

    /// <summary>pmacct's nfprobe until 2021: the length of the option fields is said as nine, and there are two of four bytes each.</summary>
    [Fact]
    public void The_length_of_option_fields_may_be_off_by_less_than_a_field()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9()
            .Set(1, set => set.U16(257, 4, 9).U16(1, 4).U16(34, 4, 35, 1))
            .Set(257, set => set.U32(0, 512).U8(2))
            .Set(0, set => set.Template(256, (1, 4)))
            .Set(256, set => set.U32(7)));

        Assert.Equal((512u, SamplingSource.Options), (decoded.Flow.SamplingRate, decoded.Flow.SamplingSource));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>RFC 7011 section 6.2: a number may come in fewer bytes than its type has.</summary>
    [Fact]
    public void Numbers_come_in_fewer_bytes_than_they_could()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets
            .Set(2, set => set.Template(256, (1, 5), (2, 3), (10, 2), (14, 1), (16, 2), (17, 3), (152, 6), (6, 1)))
            .Set(256, set => set.Number(0x01_0000_0000, 5).Number(70_000, 3).U16(3).U8(4).U16(64500).Number(70_001, 3).Number(1_699_999_990_000, 6).U8(0x12))));

        var flow = decoded.Flow;
        Assert.Equal((0x01_0000_0000ul, 70_000ul, 3u, 4u), (flow.Bytes, flow.Packets, flow.InInterface, flow.OutInterface));
        Assert.Equal((64500u, 70_001u, 1_699_999_990_000, 0x12), (flow.SourceAsn, flow.DestinationAsn, flow.StartMs, flow.TcpFlags));
        Assert.Equal(0x01_0000_0000, decoded.Lines[0].GetProperty("octetDeltaCount").GetInt64());
    }

    private static (string Source, string Destination, ulong Bytes, ulong Packets) Ends(Decoded decoded) =>
        (decoded.Flows[0].Source.ToString(), decoded.Flows[0].Destination.ToString(), decoded.Flows[0].Bytes, decoded.Flows[0].Packets);

    private static string? Text(Decoded decoded, string name) => decoded.Lines[0].GetProperty(name).GetString();

    private static int Number(Decoded decoded, string name) => decoded.Lines[0].GetProperty(name).GetInt32();
}
