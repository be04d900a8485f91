using System.Net;
using System.Net.Sockets;
using Platform.Local;

namespace Platform.SystemTests;

/// <summary>What a person is told who starts a stack on ports of their own.</summary>
public sealed class LocalPortsTests
{
    [Theory]
    [InlineData(SocketType.Stream, ProtocolType.Tcp)]
    [InlineData(SocketType.Dgram, ProtocolType.Udp)]
    public void An_occupied_port_is_refused_by_name_and_number(SocketType type, ProtocolType protocol)
    {
        using var other = new Socket(AddressFamily.InterNetwork, type, protocol);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (type == SocketType.Stream)
        {
            other.Listen(); // before it listens a port is free to anyone
        }

        var port = ((IPEndPoint)other.LocalEndPoint!).Port;
        var ports = new LocalPorts(new Dictionary<string, int> { ["flows"] = port });

        var refusal = Assert.Throws<LocalStackException>(() => ports["flows"]);

        Assert.Equal($"Port {port} (flows) is in use. Choose another with --port flows=NUMBER.", refusal.Message);
    }

    [Fact]
    public void A_port_that_nothing_has_is_refused_with_the_names_that_exist()
    {
        var refusal = Assert.Throws<LocalStackException>(() => new LocalPorts(new Dictionary<string, int> { ["portals"] = 8080 }));

        Assert.StartsWith("There is no port named portals. There are: portal, flows,", refusal.Message, StringComparison.Ordinal);
    }
}
