using System.Net;
using System.Net.Sockets;
using Platform.Ingestion.Receiving;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Receiving;

public sealed class DatagramSocketTests
{
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("::", "127.0.0.1")]
    [InlineData("::", "::1")]
    public void Every_datagram_comes_with_its_bytes_and_its_sender(string listen, string sender)
    {
        var port = Loopback.FreePort();
        using var socket = Assert.Single(DatagramSocket.Open(new IPEndPoint(IPAddress.Parse(listen), port), 1, 1 << 20));
        using var client = new UdpClient(new IPEndPoint(IPAddress.Parse(sender), 0));
        byte[][] sent = [[1, 2, 3], [], [.. Enumerable.Repeat((byte)7, 9000)]];
        foreach (var datagram in sent)
        {
            client.Send(datagram, new IPEndPoint(IPAddress.Parse(sender), port));
        }

        var received = new List<(string Sender, byte[] Bytes)>();
        for (var attempt = 0; attempt < 50 && received.Count < sent.Length; attempt++)
        {
            var got = socket.Receive();
            received.AddRange(Enumerable.Range(0, got).Select(i => (socket.Source(i).ToString(), socket.Datagram(i).ToArray())));
        }

        Assert.Equal(sent, received.Select(datagram => datagram.Bytes));
        Assert.All(received, datagram => Assert.Equal(sender, datagram.Sender));
    }

    /// <summary>With urgent windows at hand: ten thousand full waits would be a quarter of an hour.</summary>
    [Fact(Timeout = 60_000)]
    public async Task A_receive_that_may_not_wait_does_not()
    {
        var port = Loopback.FreePort();
        using var socket = Assert.Single(DatagramSocket.Open(new IPEndPoint(IPAddress.Loopback, port), 1, 1 << 20));
        using var client = new UdpClient();
        await Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                Assert.Equal(0, socket.Receive(mostMilliseconds: 0));
            }

            for (var i = 0; i < 10_000; i++)
            {
                client.Send([1], new IPEndPoint(IPAddress.Loopback, port)); // few at a time: they would gather
                Assert.Equal(1, socket.Receive(mostMilliseconds: 0));
            }
        }, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_port_in_use_is_said_with_the_port()
    {
        var port = Loopback.FreePort();
        using var other = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));

        var refused = Assert.Throws<IOException>(() => DatagramSocket.Open(new IPEndPoint(IPAddress.Loopback, port), 2, 1 << 20));
        Assert.Contains($"UDP port {port} is in use", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_kernel_drops_is_counted()
    {
        var port = Loopback.FreePort();
        using var socket = Assert.Single(DatagramSocket.Open(new IPEndPoint(IPAddress.Loopback, port), 1, 65_536));
        using var client = new UdpClient();
        for (var i = 0; i < 2000; i++)
        {
            client.Send(new byte[1000], new IPEndPoint(IPAddress.Loopback, port));
        }

        var received = 0;
        for (int got; (got = socket.Receive()) > 0;)
        {
            received += got;
        }

        Assert.InRange(received, 1, 1999);
        Assert.Equal(2000 - received, socket.KernelDrops());
    }
}
