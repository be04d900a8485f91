using System.IO.Compression;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Tests.Flows;

namespace Platform.Ingestion.Tests.Captures;

public sealed class CaptureReaderTests
{
    private const long CapturedSecond = 1_700_000_000;

    [Theory]
    [InlineData(0xA1B2C3D4, 1)]
    [InlineData(0xA1B23C4D, 1000)]
    public void Both_byte_orders_and_both_resolutions_of_pcap_are_read(long magic, int perMicrosecond)
    {
        byte[] packet = new Datagram().Bytes(new byte[12]).U16(0x0800).Bytes(Ip(Udp("hello")));
        byte[] bigEndian = new Datagram().U32(magic).U16(2, 4).U32(0, 0, 65535, 1)
            .U32(CapturedSecond, 250_000 * perMicrosecond, packet.Length, packet.Length).Bytes(packet);
        byte[] littleEndian = new Datagram().Bytes(Reverse(new Datagram().U32(magic))).U8(2, 0, 4, 0)
            .Bytes(Reverse(new Datagram().U32(0))).Bytes(Reverse(new Datagram().U32(0))).Bytes(Reverse(new Datagram().U32(65535)))
            .Bytes(Reverse(new Datagram().U32(1))).Bytes(Reverse(new Datagram().U32(CapturedSecond)))
            .Bytes(Reverse(new Datagram().U32(250_000 * perMicrosecond)))
            .Bytes(Reverse(new Datagram().U32(packet.Length))).Bytes(Reverse(new Datagram().U32(packet.Length))).Bytes(packet);

        foreach (var capture in (byte[][])[bigEndian, littleEndian, Gzip(bigEndian)])
        {
            Assert.Equal(("hello", "192.0.2.1", 2055, CapturedSecond * 1000 + 250), Single(capture));
        }
    }

    [Fact]
    public void A_pcapng_with_its_own_resolution_is_read()
    {
        byte[] packet = Ip(Udp("hello"));
        var padded = (packet.Length + 3) / 4 * 4;
        byte[] capture = new Datagram()
            .U32(0x0A0D0D0A, 28, 0x1A2B3C4D).U16(1, 0).U32(-1, -1, 28)
            .U32(1, 28).U16(101, 0).U32(65535).U16(9, 1).U8(3, 0, 0, 0).U32(28)
            .U32(6, 32 + padded, 0, CapturedSecond * 1000 + 250 >> 32, CapturedSecond * 1000 + 250 & 0xFFFF_FFFF, packet.Length, packet.Length)
            .Bytes(packet).Bytes(new byte[padded - packet.Length]).U32(32 + padded);

        Assert.Equal(("hello", "192.0.2.1", 2055, CapturedSecond * 1000 + 250), Single(capture));
    }

    [Fact]
    public void Packets_of_an_interface_that_nobody_described_are_counted()
    {
        byte[] packet = Ip(Udp("hello"));
        var padded = (packet.Length + 3) / 4 * 4;
        byte[] capture = new Datagram()
            .U32(0x0A0D0D0A, 28, 0x1A2B3C4D).U16(1, 0).U32(-1, -1, 28)
            .U32(6, 32 + padded, 7, 0, 0, packet.Length, packet.Length)
            .Bytes(packet).Bytes(new byte[padded - packet.Length]).U32(32 + padded);
        var reader = new CaptureReader(new MemoryStream(capture), nowMs: 0);

        Assert.Empty(reader.Read());
        Assert.Equal(1, reader.OtherPackets);
    }

    /// <summary>Link types of the pcap registry, with what lies before the IP packet.</summary>
    [Theory]
    [InlineData(0, "02000000")] // BSD loopback
    [InlineData(108, "00000002")]
    [InlineData(1, "020000000002 020000000001 8100 0064 0800")]
    [InlineData(1, "020000000002 020000000001 88A8 0064 8100 00C8 0800")]
    [InlineData(1, "020000000002 020000000001 9200 0064 0800")]
    [InlineData(1, "020000000002 020000000001 8847 00010040 00011140")] // two MPLS labels
    [InlineData(1, "020000000002 020000000001 8864 1100 0001 0040 0021")] // PPPoE
    [InlineData(9, "FF03 0021")] // PPP
    [InlineData(12, "")]
    [InlineData(101, "")]
    [InlineData(228, "")]
    [InlineData(113, "0000 0001 0006 020000000001 0000 0800")] // Linux cooked
    [InlineData(113, "0000 0001 0006 020000000001 0000 8100 0064 0800")]
    [InlineData(276, "0800 0000 00000002 0001 00 06 0200000000010000")] // its second version
    public void Every_link_on_which_exporters_are_watched_is_stripped(int link, string before)
    {
        byte[] packet = new Datagram().Bytes(Convert.FromHexString(before.Replace(" ", "", StringComparison.Ordinal))).Bytes(Ip(Udp("hello")));
        byte[] capture = new Datagram().U32(0xA1B2C3D4).U16(2, 4).U32(0, 0, 65535, link).U32(CapturedSecond, 0, packet.Length, packet.Length).Bytes(packet);

        Assert.Equal(("hello", "192.0.2.1", 2055, CapturedSecond * 1000), Single(capture));
    }

    [Fact]
    public void Interfaces_of_one_capture_may_have_links_of_their_own()
    {
        byte[] ethernet = new Datagram().Bytes(new byte[12]).U16(0x0800).Bytes(Ip(Udp("hello")));
        byte[] raw = Ip(Udp("world"));
        byte[] capture = new Datagram()
            .U32(0x0A0D0D0A, 28, 0x1A2B3C4D).U16(1, 0).U32(-1, -1, 28)
            .U32(1, 20).U16(1, 0).U32(65535, 20)
            .U32(1, 20).U16(101, 0).U32(65535, 20)
            .Bytes(Packet(1, raw)).Bytes(Packet(0, ethernet));

        Assert.Equal(["world", "hello"], Read(capture, out _).Select(datagram => System.Text.Encoding.ASCII.GetString(datagram.Payload)));

        static byte[] Packet(int number, byte[] bytes)
        {
            var padded = (bytes.Length + 3) / 4 * 4;
            return new Datagram().U32(6, 32 + padded, number, 0, 0, bytes.Length, bytes.Length).Bytes(bytes).Bytes(new byte[padded - bytes.Length]).U32(32 + padded);
        }
    }

    [Fact]
    public void Fragments_in_any_order_become_one_datagram()
    {
        byte[] udp = Udp("a longer text, to be cut in two");
        byte[] first = Ip(udp[..16], fragment: 0x2000);
        byte[] second = Ip(udp[16..], fragment: 2);

        Assert.Equal("a longer text, to be cut in two", Single(Raw(second, first)).Text);
    }

    [Fact]
    public void A_file_that_is_no_capture_is_one_datagram()
    {
        byte[] bare = new Datagram().U16(9, 0).U32(1, 2, 3, 4);

        var datagram = Assert.Single(Read(bare, out _));
        Assert.Equal(bare, datagram.Payload);
    }

    [Fact]
    public void A_file_of_ipfix_messages_is_read_message_by_message()
    {
        byte[] first = Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 4))));
        byte[] second = Datagram.Ipfix(sets => sets.Set(256, set => set.U32(1)));
        byte[] padded = [.. second, 0, 0];

        Assert.Equal([first, second, padded], Read([.. first, .. second, .. padded], out _).Select(datagram => datagram.Payload));
        Assert.Equal([padded], Read(padded, out _).Select(datagram => datagram.Payload));
    }

    [Fact]
    public void A_capture_that_ends_inside_a_packet_gives_what_came_before()
    {
        byte[] whole = Raw(Ip(Udp("hello")), Ip(Udp("world")));

        Assert.Equal("hello", Single(whole[..^3], out var reader).Text);
        Assert.True(reader.IsCut);
    }

    [Fact]
    public void A_length_that_cannot_be_is_damage_and_no_end()
    {
        byte[] capture = Raw(Ip(Udp("hello")), Ip(Udp("world")));
        capture[^(33 + 8)] = 0x7F; // the upper byte of the second packet's length
        byte[] section = new Datagram().U32(0x0A0D0D0A, 28, 0x1A2B3C4D).U16(1, 0).U32(-1, -1, 28);

        Assert.Contains("packet 2", Assert.Throws<InvalidDataException>(() => Read(capture, out _)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Read([.. section, .. (byte[])new Datagram().U32(6, 3).U64(0, 0).Bytes(new byte[8])], out _));
        Assert.Throws<InvalidDataException>(() => Read([.. section, .. (byte[])new Datagram().U32(6, 0x7FFF_FFF0).U64(0, 0)], out _));
        Assert.Throws<InvalidDataException>(() => Read(capture[..4], out _));
        Assert.Throws<InvalidDataException>(() => Read(section[..10], out _));
    }

    [Fact]
    public void Gzipped_data_that_ends_early_is_said_to()
    {
        var packed = Gzip(Raw([.. Enumerable.Range(0, 1000).Select(number => Ip(Udp($"hello {number * 7919}")))]));

        Assert.Equal(1000, Read(packed, out _).Count);
        Assert.Equal(2000, Read([.. packed, .. Gzip(Raw([.. Enumerable.Range(0, 1000).Select(_ => Ip(Udp("x")))])[24..])], out _).Count); // two members
        Assert.Throws<InvalidDataException>(() => Read(packed[..^9], out _));
        Assert.Throws<InvalidDataException>(() => Read(packed[..(packed.Length / 2)], out _));
    }

    [Fact]
    public void An_interface_may_tell_its_time_from_an_offset()
    {
        byte[] packet = Ip(Udp("hello"));
        var padded = (packet.Length + 3) / 4 * 4;
        byte[] capture = new Datagram()
            .U32(0x0A0D0D0A, 28, 0x1A2B3C4D).U16(1, 0).U32(-1, -1, 28)
            .U32(1, 32).U16(101, 0).U32(65535).U16(14, 8).U32(0, CapturedSecond - 1).U32(32)
            .U32(6, 32 + padded, 0, 0, 1_250_000, packet.Length, packet.Length)
            .Bytes(packet).Bytes(new byte[padded - packet.Length]).U32(32 + padded);

        Assert.Equal(("hello", "192.0.2.1", 2055, CapturedSecond * 1000 + 250), Single(capture));
    }

    /// <summary>Stray fragments, all of one datagram that never becomes whole: each costs as little as the first.</summary>
    [Fact]
    public void Fragments_without_end_cost_no_more_than_others()
    {
        var reader = new Reassembly();
        var best = TimeSpan.MaxValue;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var before = ThreadTime.Used();
            for (var number = 0; number < 40_000; number++)
            {
                Assert.False(reader.TryComplete((default, default, 7), 8 * (1 + number % 8000), hasMore: true, new byte[8], out _));
            }

            best = TimeSpan.FromTicks(Math.Min(best.Ticks, (ThreadTime.Used() - before).Ticks));
        }

        Assert.True(best < TimeSpan.FromSeconds(1), $"{best}"); // 35 s when each looked at all before it
    }

    [Fact]
    public void Fragments_that_wait_take_little_memory_and_the_oldest_gives_way()
    {
        var reader = new Reassembly();
        for (uint id = 0; id < 1000; id++)
        {
            Assert.False(reader.TryComplete((default, default, id), 8, hasMore: true, new byte[60_000], out _));
            Assert.True(reader.Memory <= 16 * 1024 * 1024);
        }

        Assert.False(reader.TryComplete((default, default, 0), 0, hasMore: false, new byte[8], out var whole) && whole.Length > 8);
        Assert.True(reader.TryComplete((default, default, 999), 0, hasMore: true, new byte[8], out _) || reader.TryComplete((default, default, 999), 60_008, hasMore: false, new byte[8], out whole));
        Assert.Equal(60_016, whole.Length);
    }

    [Fact]
    public void Fragments_that_overlap_or_come_twice_become_one_datagram()
    {
        byte[] udp = Udp("a longer text, to be cut in three");
        byte[] whole = Raw(Ip(udp[16..], fragment: 2), Ip(udp[16..], fragment: 2), Ip(udp[..24], fragment: 0x2000));

        Assert.Equal("a longer text, to be cut in three", Single(whole).Text);
    }

    [Fact]
    public void A_packet_that_is_no_udp_is_counted()
    {
        byte[] icmp = Ip(Udp("hello"));
        icmp[9] = 1;
        Read(Raw(icmp, icmp), out var reader);

        Assert.Equal(2, reader.OtherPackets);
    }

    private static (string Text, string Source, int Port, long CapturedMs) Single(byte[] capture) => Single(capture, out _);

    private static (string Text, string Source, int Port, long CapturedMs) Single(byte[] capture, out CaptureReader reader)
    {
        var datagram = Assert.Single(Read(capture, out reader));
        return (System.Text.Encoding.ASCII.GetString(datagram.Payload), datagram.Source, datagram.Port, datagram.CapturedMs);
    }

    private static List<(byte[] Payload, string Source, int Port, long CapturedMs)> Read(byte[] capture, out CaptureReader reader)
    {
        var path = Path.GetTempFileName();
        File.WriteAllBytes(path, capture);
        var datagrams = CaptureReader.Open(path, 0, out reader)
            .Select(datagram =>
                (datagram.Payload.ToArray(), datagram.Source.ToString(), (int)datagram.DestinationPort, datagram.CapturedMs))
            .ToList();
        File.Delete(path);
        return datagrams;
    }

    private static byte[] Raw(params byte[][] packets)
    {
        var capture = new Datagram().U32(0xA1B2C3D4).U16(2, 4).U32(0, 0, 65535, 101);
        Array.ForEach(packets, packet => capture.U32(CapturedSecond, 0, packet.Length, packet.Length).Bytes(packet));
        return capture;
    }

    private static byte[] Udp(string text) =>
        new Datagram().U16(40000, 2055, text.Length + 8, 0).Bytes(System.Text.Encoding.ASCII.GetBytes(text));

    private static byte[] Ip(byte[] payload, int fragment = 0) => new Datagram()
        .U8(0x45, 0).U16(20 + payload.Length, 1, fragment).U8(64, 17).U16(0).Address("192.0.2.1", "192.0.2.2").Bytes(payload);

    private static byte[] Reverse(byte[] word) => [.. word.Reverse()];

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
