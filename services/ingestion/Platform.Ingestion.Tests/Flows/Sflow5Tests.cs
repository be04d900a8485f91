using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Tests.Windows;

namespace Platform.Ingestion.Tests.Flows;

public sealed class Sflow5Tests
{
    private static readonly byte[] Macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    [Fact]
    public void A_sampled_frame_is_one_packet_times_its_rate()
    {
        var flow = new Decoded().Receive(Sample(rate: 1000, frameLength: 1500, header: Frame(0x0800, Ipv4Udp()))).Flow;

        Assert.Equal(("10.0.0.1", "10.0.0.2", 123, 4000), (flow.Source.ToString(), flow.Destination.ToString(), flow.SourcePort, flow.DestinationPort));
        Assert.Equal((1500ul, 1ul, 1000u, SamplingSource.Record), (flow.Bytes, flow.Packets, flow.SamplingRate, flow.SamplingSource));
        Assert.Equal((5u, 6u), (flow.InInterface, flow.OutInterface));
    }

    [Fact]
    public void An_expanded_sample_means_the_same()
    {
        var flow = new Decoded().Receive(Sample(500, 90, Frame(0x0800, Ipv4Udp()), isExpanded: true)).Flow;

        Assert.Equal(("10.0.0.2", 500u, 5u, 6u), (flow.Destination.ToString(), flow.SamplingRate, flow.InInterface, flow.OutInterface));
    }

    [Fact]
    public void Two_vlan_tags_and_mpls_labels_lead_to_the_packet()
    {
        var tagged = new Datagram().Bytes(Macs).U16(0x88A8, 100, 0x8100, 200, 0x8847).U32(16 << 12, 17 << 12 | 0x100).Bytes(Ipv4Udp());
        var decoded = new Decoded().Receive(Sample(1, 90, tagged));

        Assert.Equal("10.0.0.2", decoded.Flow.Destination.ToString());
        Assert.Equal(100, decoded.Lines[0].GetProperty("vlanId").GetInt32());
        Assert.Equal(200, decoded.Lines[0].GetProperty("dot1qCustomerVlanId").GetInt32());
    }

    /// <summary>RFC 4448: an Ethernet frame below the labels, with a control word of four bytes or without; nothing says which.</summary>
    [Theory]
    [InlineData("00000000", "020000000003020000000004")]
    [InlineData("", "020000000003020000000004")]
    [InlineData("", "A20000000003020000000004")]
    public void A_pseudowire_leads_to_the_packet(string controlWord, string macs)
    {
        var frame = new Datagram().Bytes(Macs).U16(0x8847).U32(16 << 12, 17 << 12 | 0x100)
            .Bytes(Convert.FromHexString(controlWord)).Bytes(Convert.FromHexString(macs)).U16(0x0800).Bytes(Ipv4Udp());
        var decoded = new Decoded().Receive(Sample(1, 120, frame));

        Assert.Equal(("10.0.0.2", 4000), (decoded.Flow.Destination.ToString(), decoded.Flow.DestinationPort));
        Assert.Empty(decoded.Errors);
    }

    /// <summary>sFlow version 5, section 5.3, "interface": the two topmost bits say what the others are; an expanded sample has a word for them.</summary>
    [Theory]
    [InlineData(0x4000_0101, 0u, 257, 1)] // discarded, reason 257
    [InlineData(0x8000_0007, 0u, 7, 2)] // seven interfaces
    [InlineData(0x3FFF_FFFF, 0u, 0x3FFF_FFFF, 0)] // ends in the device
    [InlineData(6, 6u, 6, 0)]
    public void An_interface_that_has_no_index_is_none(long word, uint counted, int value, int format)
    {
        byte[] Sampled(bool isExpanded)
        {
            var sample = FlowSample(1, 90, Frame(0x0800, [.. Ipv4Udp(), .. new byte[48]]), isExpanded);
            byte[] output = isExpanded ? new Datagram().U32(word >> 30, word & 0x3FFF_FFFF) : new Datagram().U32(word);
            output.CopyTo(sample, isExpanded ? 8 + 32 : 8 + 24);
            return Header(1).Bytes(sample);
        }

        foreach (var isExpanded in new[] { false, true })
        {
            var decoded = new Decoded().Receive(Sampled(isExpanded));
            Assert.Equal((5u, counted), (decoded.Flow.InInterface, decoded.Flow.OutInterface));
            Assert.Equal(value, decoded.Lines[0].GetProperty("egressInterface").GetInt32());
            Assert.Equal(format, decoded.Lines[0].TryGetProperty("egressInterfaceFormat", out var told) ? told.GetInt32() : 0);
        }

        FlowRecord plain = default;
        Assert.True(SflowPlainSample.TryRead(Sampled(isExpanded: false).AsSpan(28 + 8), ref plain));
        Assert.Equal(counted, plain.OutInterface);
    }

    [Fact]
    public void The_addresses_after_translation_are_shown()
    {
        byte[] nat = new Datagram().U32(1).Address("198.51.100.1").U32(1).Address("198.51.100.2");
        var decoded = new Decoded().Receive(Sample(1, 90, Frame(0x0800, Ipv4Udp()), extra: new Datagram().U32(1007, nat.Length).Bytes(nat)));

        Assert.Equal("10.0.0.2", decoded.Flow.Destination.ToString());
        Assert.Equal(
            ("198.51.100.1", "198.51.100.2"),
            (decoded.Lines[0].GetProperty("postNATSourceIPv4Address").GetString(), decoded.Lines[0].GetProperty("postNATDestinationIPv4Address").GetString()));
    }

    [Fact]
    public void Ipv6_extension_headers_are_stepped_over()
    {
        byte[] packet = new Datagram().U32(0x6000_0000).U16(48).U8(0, 64).Address("2001:db8::1", "2001:db8::2")
            .U8(60, 0, 0, 0, 0, 0, 0, 0).U8(6, 1).Bytes(new byte[14]).U16(1000, 443).U32(0, 0).U8(0x50, 0x12).U16(0, 0);
        var flow = new Decoded().Receive(Sample(1, 100, Frame(0x86DD, packet))).Flow;

        Assert.Equal(("2001:db8::2", 6, 443, 0x12), (flow.Destination.ToString(), flow.Protocol, flow.DestinationPort, flow.TcpFlags));
    }

    [Theory]
    [InlineData(0x29, Vector.TcpInvalid)]
    [InlineData(0x13, Vector.TcpInvalid)]
    [InlineData(0x03, Vector.TcpSyn, Vector.TcpInvalid)]
    [InlineData(0x12, Vector.TcpSynAck, Vector.TcpFinless)]
    public void The_flags_of_a_sampled_packet_are_its_own(byte flags, params Vector[] vectors)
    {
        byte[] packet = new Datagram().U8(0x45, 0).U16(40, 1, 0).U8(64, 6).U16(0).Address("10.0.0.1", "10.0.0.2")
            .U16(4000, 443).U32(1, 0).U8(0x50, flags).U16(1024, 0, 0);
        var flow = new Decoded().Receive(Sample(1, 60, Frame(0x0800, packet))).Flow;

        Assert.Equal((1ul, flags), (flow.Packets, flow.TcpFlags));
        Assert.Equal(vectors, TrafficVectorsTests.VectorsOf(flow));
    }

    [Fact]
    public void A_later_fragment_has_no_ports()
    {
        byte[] packet = new Datagram().U8(0x45, 0).U16(40, 1, 0x00B9).U8(64, 17).U16(0).Address("10.0.0.1", "10.0.0.2").U32(0xFFFF_FFFF);
        var flow = new Decoded().Receive(Sample(1, 100, Frame(0x0800, packet))).Flow;

        Assert.True(flow.IsFragment);
        Assert.Equal((0, 0, 17), (flow.SourcePort, flow.DestinationPort, flow.Protocol));
    }

    [Theory]
    [InlineData(4, "")]
    [InlineData(47, "00000800")]
    [InlineData(47, "B0000800 00000000 00000007 00000001")] // checksum, key and sequence number
    [InlineData(47, "00006558 020000000003 020000000004 0800")] // transparent Ethernet
    public void A_tunnel_is_counted_as_what_it_is_and_the_packet_inside_is_a_note(int protocol, string before)
    {
        byte[] packet = new Datagram().U8(0x45, 0).U16(120, 1, 0).U8(64, protocol).U16(0).Address("192.0.2.1", "192.0.2.2")
            .Bytes(Convert.FromHexString(before.Replace(" ", "", StringComparison.Ordinal))).Bytes(Ipv4Udp());
        var decoded = new Decoded().Receive(Sample(1, 150, Frame(0x0800, packet)));

        Assert.Equal(("192.0.2.2", protocol), (decoded.Flow.Destination.ToString(), decoded.Flow.Protocol));
        var inner = decoded.Lines[0].GetProperty("tunnelledPacket");
        Assert.Equal("10.0.0.2", inner.GetProperty("destinationIPv4Address").GetString());
        Assert.Equal(123, inner.GetProperty("sourceTransportPort").GetInt32());
        Assert.Equal(before.Contains("6558", StringComparison.Ordinal), inner.TryGetProperty("sourceMacAddress", out var mac) && mac.GetString() == "02:00:00:00:00:04");
    }

    [Fact]
    public void Counter_samples_are_counted_and_vendor_samples_are_stepped_over()
    {
        var decoded = new Decoded().Receive(Header(3)
            .U32(2, 8, 1, 2)
            .U32(4413 << 12 | 1, 4, 9)
            .Bytes(FlowSample(1, 90, Frame(0x0800, Ipv4Udp()))));

        Assert.Equal(1, decoded.Exporter.CounterSamples);
        Assert.Equal(1, decoded.Errors[DecodeError.SampleKindUnknown]);
        Assert.Equal(90ul, decoded.Flow.Bytes);
    }

    [Fact]
    public void A_sample_longer_than_the_datagram_is_an_error_and_no_flow()
    {
        var decoded = new Decoded().Receive(Header(1).U32(1, 4000, 0, 0));

        Assert.Empty(decoded.Flows);
        Assert.Equal(2, decoded.Errors[DecodeError.SampleBeyondDatagram]);
    }

    [Fact]
    public void The_gateway_record_gives_the_autonomous_systems()
    {
        byte[] gateway = new Datagram().U32(1).Address("192.0.2.1").U32(64496, 64500, 64501, 1, 2, 2, 64502, 64503, 0, 0);
        var flow = new Decoded().Receive(Sample(1, 90, Frame(0x0800, Ipv4Udp()), extra: new Datagram().U32(1003, gateway.Length).Bytes(gateway))).Flow;

        Assert.Equal((64500u, 64503u), (flow.SourceAsn, flow.DestinationAsn));
    }

    [Fact]
    public void Notices_of_discarded_packets_are_counted_and_shown_but_are_no_traffic()
    {
        byte[] header = Frame(0x0800, Ipv4Udp());
        byte[] notice = new Datagram().U32(9, 0, 3, 250, 5, 6, 263, 2)
            .U32(1, 16 + 44, 1, 94, 4, header.Length).Bytes(header).U8(0, 0) // the frame with two bytes of padding
            .U32(1036, 4, 42); // queue of the egress
        var decoded = new Decoded().Receive(Header(1).U32(5, notice.Length).Bytes(notice));

        Assert.Empty(decoded.Flows);
        Assert.Empty(decoded.Errors);
        Assert.Equal((1, 0), (decoded.Exporter.DiscardedPackets, decoded.Exporter.Records));
        var line = decoded.Lines[0];
        Assert.Equal((1, 94, 263), (line.GetProperty("droppedPacketDeltaCount").GetInt32(), line.GetProperty("droppedOctetDeltaCount").GetInt32(), line.GetProperty("sflowDropReason").GetInt32()));
        Assert.Equal(("10.0.0.2", 4000), (line.GetProperty("destinationIPv4Address").GetString(), line.GetProperty("destinationTransportPort").GetInt32()));
        Assert.False(line.TryGetProperty("packetDeltaCount", out _));
    }

    [Fact]
    public void Of_several_headers_in_a_sample_the_last_counts_and_nothing_of_the_others()
    {
        byte[] tagged = new Datagram().Bytes(Macs).U16(0x8100, 100, 0x0800).Bytes(Ipv4Udp()).U16(0);
        byte[] first = new Datagram().U32(1, 16 + tagged.Length, 1, 1500, 4, tagged.Length).Bytes(tagged);
        var decoded = new Decoded().Receive(Sample(1, 90, [0x60, 0, 0, 0], extra: first));

        Assert.Equal(1, decoded.Errors[DecodeError.PacketWithoutIp]);
        Assert.False(decoded.Lines[0].TryGetProperty("vlanId", out _));
    }

    [Theory]
    [InlineData(6, 0x5012, true)]
    [InlineData(17, 56, true)]
    [InlineData(1, 0, false)]
    [InlineData(132, 0, false)]
    public void A_plain_sample_read_straight_is_what_the_general_way_reads(int protocol, int word, bool isPlain)
    {
        byte[] packet = new Datagram().U8(0x45, 0).U16(200, 1, 0x4000).U8(64, protocol).U16(0).Address("10.0.0.1", "10.0.0.2")
            .U16(443, 40000, 1, 2, 3, 4, word, 0, 0, 0);
        byte[] extras = new Datagram().U32(1001, 16, 100, 0, 200, 0).U32(1002, 16, 1).Address("192.0.2.1").U32(24, 24);
        byte[] together = new Datagram()
            .Bytes(FlowSample(1000, 218, Frame(0x0800, packet)))
            .Bytes(FlowSample(2000, 300, Frame(0x0800, packet), extras: 2, extra: extras));
        FlowRecord flow = default;

        Assert.Equal(isPlain, SflowPlainSample.TryRead(FlowSample(1000, 218, Frame(0x0800, packet)).AsSpan(8), ref flow));
        Assert.Equal(isPlain, SflowPlainSample.TryRead(FlowSample(2000, 300, Frame(0x0800, packet), extras: 2, extra: extras).AsSpan(8), ref flow));
        Assert.Equal(Read(together, straight: false), Read(together, straight: true));
        Assert.Equal(2, Read(together, straight: true).Count);

        static List<FlowRecord> Read(byte[] samples, bool straight)
        {
            byte[] datagram = Header(2).Bytes(samples);
            var flows = new List<FlowRecord>();
            var exporter = new ExporterContext(DecodeLimits.Default);
            if (straight)
            {
                var handler = new FlowList(flows);
                FlowDecoder.Decode(datagram, exporter, Decoded.ReceivedMs, ref handler);
            }
            else
            {
                var handler = new FlowListWithFields(flows);
                FlowDecoder.Decode(datagram, exporter, Decoded.ReceivedMs, ref handler);
            }

            return flows;
        }
    }

    private static Datagram Header(int samples) =>
        new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, 1, 60_000, samples);

    private static byte[] Sample(int rate, int frameLength, byte[] header, bool isExpanded = false, byte[]? extra = null) =>
        Header(1).Bytes(FlowSample(rate, frameLength, header, isExpanded, extra));

    private static byte[] FlowSample(int rate, int frameLength, byte[] header, bool isExpanded = false, byte[]? extra = null, int extras = 1)
    {
        var padded = (header.Length + 3) / 4 * 4;
        var sample = new Datagram().U32(1);
        sample = isExpanded ? sample.U32(0, 5) : sample.U32(5);
        sample.U32(rate, 0, 0);
        sample = isExpanded ? sample.U32(0, 5, 0, 6) : sample.U32(5, 6);
        sample.U32(extra is null ? 1 : 1 + extras).Bytes(extra ?? []);
        sample.U32(1, 16 + padded, 1, frameLength, 4, header.Length).Bytes(header).Bytes(new byte[padded - header.Length]);
        return new Datagram().U32(isExpanded ? 3 : 1, sample.Length).Bytes(sample);
    }

    private static byte[] Frame(int type, byte[] packet) => new Datagram().Bytes(Macs).U16(type).Bytes(packet);

    private static byte[] Ipv4Udp() => new Datagram()
        .U8(0x45, 0).U16(76, 1, 0).U8(64, 17).U16(0).Address("10.0.0.1", "10.0.0.2").U16(123, 4000, 56, 0);
}
