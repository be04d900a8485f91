using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Platform.Ingestion.Receiving;
using Platform.Ingestion.Tests.Flows;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Receiving;

public sealed class ReceiveCommandTests
{
    [Fact]
    public async Task The_receiving_half_runs_alone_and_says_at_the_end_what_it_counted()
    {
        using var output = new StringWriter();
        var port = Loopback.FreePort();
        var running = ReceiveCommand.Run(["--listen", $"127.0.0.1:{port}", "--prefix", "203.0.113.0/24", "--seconds", "1"], output, output, TimeProvider.System, TestContext.Current.CancellationToken);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await socket.SendToAsync(NetFlow5Tests.OneRecord(), new IPEndPoint(IPAddress.Loopback, port));

        Assert.Equal(0, await running);
        var result = JsonDocument.Parse(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement;
        Assert.Equal((1, 1, 1), (
            result.GetProperty("datagrams").GetInt32(), result.GetProperty("records").GetInt32(), result.GetProperty("matched").GetInt32()));
    }

    [Fact]
    public async Task Help_is_help_and_nonsense_is_refused()
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();

        Assert.Equal(0, await ReceiveCommand.Run(["--help"], output, errors, TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.StartsWith("./platform run ingestion", output.ToString());
        Assert.Equal(2, await ReceiveCommand.Run(["--receivers", "none"], output, errors, TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.StartsWith("'--receivers none' is not understood.", errors.ToString());
    }
}
