using System.IO.Pipes;
using System.Text.Json;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Tests.Flows;

namespace Platform.Ingestion.Tests.Captures;

public sealed class DecodeCommandTests
{
    [Fact]
    public void Files_share_one_context_and_the_counts_say_what_was_not_understood()
    {
        var template = Write(Datagram.NetFlow9().Set(0, set => set.Template(256, (12, 4), (1, 4))));
        var data = Write(Datagram.NetFlow9(sequence: 2).Set(256, set => set.Address("203.0.113.9").U32(77)).Set(300, set => set.U32(1)));

        var (code, output, errors) = Run(template, data);

        Assert.Equal(0, code);
        var record = JsonDocument.Parse(Assert.Single(output)).RootElement;
        Assert.Equal("203.0.113.9", record.GetProperty("destinationIPv4Address").GetString());
        Assert.Equal(77, record.GetProperty("octetDeltaCount").GetInt32());
        var counts = JsonDocument.Parse(errors[^1]).RootElement;
        Assert.Equal((2, 1, 1), (
            counts.GetProperty("datagrams").GetInt32(), counts.GetProperty("templates").GetInt32(), counts.GetProperty("records").GetInt32()));
        Assert.Equal(1, counts.GetProperty("errors").GetProperty("dataWithoutTemplate").GetInt32());
    }

    [Fact]
    public void A_file_that_is_not_there_is_said_and_fails()
    {
        var (code, output, errors) = Run("/nowhere/at/all.pcap");

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Contains("/nowhere/at/all.pcap", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_said_to_be_one()
    {
        var (code, _, errors) = Run(Path.GetTempPath());

        Assert.Equal(1, code);
        Assert.Contains("is a folder", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipe_is_read_as_it_comes()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var template = Datagram.NetFlow9().Set(0, set => set.Template(256, (12, 4), (1, 4)));
        pipe.Write((byte[])template);
        var readEnd = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
        pipe.Dispose();

        var (code, _, errors) = Run(readEnd);

        Assert.Equal(0, code);
        Assert.Equal(1, JsonDocument.Parse(errors[^1]).RootElement.GetProperty("templates").GetInt32());
    }

    [Fact]
    public void A_capture_without_a_datagram_is_counted_and_said_to_be_cut()
    {
        // Ethernet; one frame that is no IP packet, then one that the file does not hold whole.
        var path = Write([
            .. Convert.FromHexString("D4C3B2A1020004000000000000000000FFFF000001000000"),
            .. Convert.FromHexString("0000000000000000" + "0E000000" + "0E000000"), .. new byte[14],
            .. Convert.FromHexString("0000000000000000" + "40000000" + "40000000"), .. new byte[14]]);

        var (code, output, errors) = Run(path);

        Assert.Equal(0, code);
        Assert.Empty(output);
        Assert.Contains("ends inside a packet", errors[0], StringComparison.Ordinal);
        Assert.Equal(1, JsonDocument.Parse(errors[^1]).RootElement.GetProperty("otherPackets").GetInt32());
    }

    [Fact]
    public void Packets_in_packets_without_end_are_shown_as_deep_as_makes_sense()
    {
        var packet = new Datagram();
        for (var depth = 0; depth < 3000; depth++)
        {
            packet.U8(0x45, 0).U16(20, 1, 0).U8(64, 4).U16(0).Address("10.0.0.1", "10.0.0.2");
        }

        var (code, output, _) = Run(Write(new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, 1, 60_000, 1)
            .U32(1, 32 + 24 + packet.Length, 1, 5, 100, 0, 0, 5, 6, 1).U32(1, 16 + packet.Length, 11, packet.Length, 0, packet.Length).Bytes(packet)));

        Assert.Equal(0, code);
        Assert.Equal(8, Assert.Single(output).Split("tunnelledPacket").Length - 1);
    }

    [Fact]
    public void A_file_that_is_only_the_mark_of_a_capture_is_no_capture()
    {
        var (code, _, errors) = Run(Write(Convert.FromHexString("D4C3B2A1")));

        Assert.Equal(1, code);
        Assert.Contains("header", errors[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--format", "xml", "file")]
    [InlineData("--port", "70000", "file")]
    [InlineData("--unheard")]
    [InlineData]
    public void Arguments_that_make_no_sense_get_the_usage(params string[] arguments)
    {
        var (code, _, errors) = Run(arguments);

        Assert.Equal(2, code);
        Assert.Contains(errors, line => line.StartsWith("decode [--format json]", StringComparison.Ordinal));
    }

    private static (int Code, string[] Output, string[] Errors) Run(params string[] arguments)
    {
        using var output = new MemoryStream();
        using var errors = new StringWriter();
        var code = DecodeCommand.Run(arguments, output, errors, TimeProvider.System);
        var lines = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return (code, lines, errors.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Write(byte[] datagram)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("decode-").FullName, "datagram.bin");
        File.WriteAllBytes(path, datagram);
        return path;
    }
}
