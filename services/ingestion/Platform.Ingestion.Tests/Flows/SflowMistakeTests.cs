using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>sFlow as agents really send it, where it differs from what they should.</summary>
public sealed class SflowMistakeTests
{
    private static readonly byte[] Macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    /// <summary>Juniper firmware that tells 132 of every frame; others tell nothing, or nonsense.</summary>
    [Theory]
    [InlineData(1514, 1514ul, 0)]
    [InlineData(1518, 1518ul, 0)]
    [InlineData(132, 1514ul, 1)]
    [InlineData(0, 1514ul, 1)]
    [InlineData(0xFFFF_FFFF, 1514ul, 1)]
    public void A_length_of_a_frame_that_cannot_be_gives_way_to_that_of_its_packet(long told, ulong counted, int doubted)
    {
        byte[] frame = Frame(0x0800, Ipv4(protocol: 17, length: 1500));
        byte[] datagram = Header(1).Bytes(Sample(Raw(frame, told)));

        foreach (var (flows, exporter) in new[] { Read(datagram, straight: true), Read(datagram, straight: false) })
        {
            Assert.Equal(counted, Assert.Single(flows).Bytes);
            Assert.Equal(doubted, exporter.Errors[(int)DecodeError.FrameLengthImpossible]);
        }

        Assert.Equal(told, new Decoded().Receive(datagram).Lines[0].GetProperty("dataLinkFrameSize").GetInt64()); // shown as it was told
    }

    /// <summary>Huawei: the header is cut before the TCP flags, the record of the IPv4 packet beside it has them.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Flags_that_the_header_lost_are_taken_from_the_record_beside_it(bool isBefore)
    {
        byte[] frame = Frame(0x0800, Ipv4(protocol: 6, length: 60).AsSpan(0, 28).ToArray());
        byte[] beside = new Datagram().U32(3, 32, 60, 6).Address("10.0.0.1", "10.0.0.2").U32(123, 4000, 2, 0);
        byte[] raw = Raw(frame, 74);
        var decoded = new Decoded().Receive(Header(1).Bytes(isBefore ? Sample(beside, raw) : Sample(raw, beside)));

        Assert.Equal((2, true), (decoded.Flow.TcpFlags, decoded.Flow.Knows.HasFlag(FlowKnowledge.TcpFlags)));
        Assert.Equal(2, decoded.Lines[0].GetProperty("tcpControlBits").GetInt32());
        var without = new Decoded().Receive(Header(1).Bytes(Sample(raw)));
        Assert.False(without.Lines[0].TryGetProperty("tcpControlBits", out _)); // a zero would be told
        Assert.False(without.Flow.Knows.HasFlag(FlowKnowledge.TcpFlags));
    }

    [Fact]
    public void Samples_that_an_agent_lost_are_added_up_for_each_source()
    {
        byte[] raw = Raw(Frame(0x0800, Ipv4(protocol: 17, length: 200)), 214);
        byte[] Lost(int source, int drops) => Header(1).Bytes(SampleOf(source, drops, raw));
        foreach (var straight in new[] { true, false })
        {
            var exporter = new ExporterContext(DecodeLimits.Default);
            foreach (var datagram in new[] { Lost(3, 777), Lost(4, 0), Lost(3, 780), Lost(4, 5), Lost(3, 780), Lost(3, 0), Lost(3, 2) })
            {
                Read(datagram, straight, exporter);
            }

            Assert.Equal(3 + 5 + 2, exporter.SflowDrops); // 777 were lost before we listened, 0 is a restart
        }
    }

    /// <summary>Records and samples begin at multiples of four bytes (XDR) also where the length leaves that out.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_length_without_its_padding_shifts_nothing(bool straight)
    {
        byte[] frame = Frame(0x0800, [.. Ipv4(protocol: 17, length: 43), .. new byte[3]]);
        byte[] unpadded = new Datagram().U32(1, 16 + frame.Length, 1, frame.Length, 4, frame.Length).Bytes(frame).Bytes(new byte[-frame.Length & 3]);
        byte[] beside = new Datagram().U32(1001, 16, 10, 0, 20, 0);
        Assert.NotEqual(0, frame.Length % 4);

        var (flows, exporter) = Read(Header(2).Bytes(Sample(unpadded, beside)).Bytes(Sample(unpadded, beside)), straight);

        Assert.Equal([4000, 4000], flows.Select(flow => (int)flow.DestinationPort));
        Assert.All(exporter.Errors, count => Assert.Equal(0, count));
    }

    /// <summary>What was sampled ends inside an extension header: the protocol stands behind it.</summary>
    [Theory]
    [InlineData("11000502")]
    [InlineData("3C00050200000000")]
    public void An_ipv6_packet_cut_inside_its_extensions_has_no_known_protocol(string extension)
    {
        byte[] packet = new Datagram().U32(0x6000_0000).U16(100).U8(0, 64).Address("2001:db8::1", "2001:db8::2").Bytes(Convert.FromHexString(extension));
        var decoded = new Decoded().Receive(Header(1).Bytes(Sample(Raw(Frame(0x86DD, packet), 154))));

        Assert.Equal(("2001:db8::2", FlowKnowledge.None), (decoded.Flow.Destination.ToString(), decoded.Flow.Knows));
        Assert.False(decoded.Lines[0].TryGetProperty("protocolIdentifier", out _));
    }

    [Fact]
    public void A_sampled_frame_without_ip_is_no_traffic_and_counted()
    {
        var (flows, exporter) = Read(Header(1).Bytes(Sample(Raw(Frame(0x0806, new byte[46]), 64))), straight: true);

        Assert.Empty(flows);
        Assert.Equal(1, exporter.Errors[(int)DecodeError.PacketWithoutIp]);
    }

    // Straight: as the receiver reads it; else the general way, as decode does.
    private static (List<FlowRecord> Flows, ExporterContext Exporter) Read(byte[] datagram, bool straight, ExporterContext? known = null)
    {
        var (flows, exporter) = (new List<FlowRecord>(), known ?? new ExporterContext(DecodeLimits.Default));
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

        return (flows, exporter);
    }

    private static Datagram Header(int samples) => new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, 1, 60_000, samples);

    private static byte[] Sample(params byte[][] records) => SampleOf(3, 0, records);

    private static byte[] SampleOf(int source, int drops, params byte[][] records)
    {
        var sample = new Datagram().U32(1, source, 100, 0, drops, 5, 6, records.Length);
        Array.ForEach(records, record => sample.Bytes(record));
        return new Datagram().U32(1, sample.Length).Bytes(sample);
    }

    private static byte[] Raw(byte[] frame, long told)
    {
        var padding = -frame.Length & 3;
        return new Datagram().U32(1, 16 + frame.Length + padding, 1, told, 4, frame.Length).Bytes(frame).Bytes(new byte[padding]);
    }

    private static byte[] Frame(int type, byte[] packet) => new Datagram().Bytes(Macs).U16(type).Bytes(packet);

    private static byte[] Ipv4(int protocol, int length) => new Datagram()
        .U8(0x45, 0).U16(length, 1, 0).U8(64, protocol).U16(0).Address("10.0.0.1", "10.0.0.2").U16(123, 4000, 56, 0).Bytes(new byte[12]);
}
