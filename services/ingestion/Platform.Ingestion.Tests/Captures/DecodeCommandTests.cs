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
