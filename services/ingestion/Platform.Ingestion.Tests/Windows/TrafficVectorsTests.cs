using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Tests.Windows;

public sealed class TrafficVectorsTests
{
    [Theory]
    [InlineData(0x02, Vector.TcpSyn)]
    [InlineData(0x12, Vector.TcpSynAck, Vector.TcpFinless)]
    [InlineData(0x10, Vector.TcpAck, Vector.TcpFinless)]
    [InlineData(0x18, Vector.TcpAck, Vector.TcpFinless)]
    [InlineData(0x11, Vector.TcpAck)]
    [InlineData(0x1B)] // a whole connection, from SYN to FIN
    [InlineData(0x04, Vector.TcpRst)]
    [InlineData(0x14, Vector.TcpRst)]
    [InlineData(0x00, Vector.TcpNull)]
    [InlineData(0xC0, Vector.TcpNull)] // ECN says nothing of a connection
    [InlineData(0x01, Vector.TcpInvalid)] // FIN alone
    [InlineData(0x29, Vector.TcpInvalid)] // Xmas
    [InlineData(0x08, Vector.TcpInvalid)]
    [InlineData(0x20, Vector.TcpInvalid)]
    [InlineData(0x03, Vector.TcpSyn, Vector.TcpInvalid)]
    [InlineData(0x05, Vector.TcpRst, Vector.TcpInvalid)]
    [InlineData(0x02 | 0xC0, Vector.TcpSyn)] // asks for ECN
    [InlineData(0x0A, Vector.TcpSyn)] // data with the first packet
    [InlineData(0x0C, Vector.TcpRst)]
    [InlineData(0x06, Vector.TcpSyn, Vector.TcpRst)] // begun and reset: a scan, a check of a load balancer
    [InlineData(0x17, Vector.TcpRst)] // a whole connection, reset at its end
    public void Tcp_is_told_apart_by_its_flags(byte flags, params Vector[] expected) =>
        Assert.Equal(expected.Order(), VectorsOf(Flow(protocol: 6) with { TcpFlags = flags }));

    [Theory]
    [InlineData(0x06, Vector.TcpSyn, Vector.TcpRst, Vector.TcpInvalid)]
    [InlineData(0x13, Vector.TcpInvalid)]
    [InlineData(0x16, Vector.TcpRst, Vector.TcpInvalid)]
    [InlineData(0x3F, Vector.TcpRst, Vector.TcpInvalid)] // every flag
    [InlineData(0x02, Vector.TcpSyn)]
    [InlineData(0x12, Vector.TcpSynAck, Vector.TcpFinless)]
    [InlineData(0x11, Vector.TcpAck)]
    [InlineData(0x14, Vector.TcpRst)]
    public void One_packet_does_not_begin_a_connection_and_end_it(byte flags, params Vector[] expected) =>
        Assert.Equal(expected.Order(), VectorsOf(Flow(protocol: 6) with { TcpFlags = flags, Packets = 1 }));

    [Theory]
    [InlineData(53, Vector.Dns)]
    [InlineData(123, Vector.Ntp)]
    [InlineData(1900, Vector.Ssdp)]
    [InlineData(389, Vector.Cldap)]
    [InlineData(11211, Vector.Memcached)]
    [InlineData(19, Vector.Chargen)]
    [InlineData(161, Vector.Snmp)]
    [InlineData(3702, Vector.WsDiscovery)]
    [InlineData(37810, Vector.OtherAmplification)]
    public void Udp_from_the_port_of_an_abused_service_is_amplification_beside_being_udp(ushort port, Vector expected) =>
        Assert.Equal(((Vector[])[Vector.Udp, expected]).Order(), VectorsOf(Flow(protocol: 17) with { SourcePort = port }));

    [Fact]
    public void Every_amplification_port_belongs_to_exactly_one_vector_besides_udp()
    {
        var amplifying = Enumerable.Range(1, 65_535).Select(port => VectorsOf(Flow(protocol: 17) with { SourcePort = (ushort)port }))
            .Where(vectors => vectors.Count > 1).ToList();

        Assert.Equal(36, amplifying.Count);
        Assert.All(amplifying, vectors => Assert.Equal(2, vectors.Count));
    }

    [Theory]
    [InlineData(1, Vector.Icmp)]
    [InlineData(58, Vector.Icmp)]
    [InlineData(47, Vector.Gre)]
    [InlineData(0, Vector.IpNull)]
    [InlineData(50, Vector.Other)]
    public void Other_protocols_have_their_own(byte protocol, Vector expected) => Assert.Equal([expected], VectorsOf(Flow(protocol)));

    [Fact]
    public void Fragments_are_known_by_their_offset_or_by_ports_that_are_not_there()
    {
        Assert.Equal([Vector.Udp, Vector.Fragment], VectorsOf(Flow(protocol: 17) with { IsFragment = true }));
        Assert.Equal([Vector.Udp, Vector.Fragment], VectorsOf(Flow(protocol: 17) with { SourcePort = 0, DestinationPort = 0 }));
        Assert.Equal([Vector.Fragment], VectorsOf(Flow(protocol: 6) with { SourcePort = 0, DestinationPort = 0, TcpFlags = 0 }));
    }

    [Fact]
    public void What_the_exporter_does_not_tell_is_no_zero()
    {
        var aggregated = Flow(protocol: 6) with { SourcePort = 0, DestinationPort = 0, TcpFlags = 0 };

        Assert.Empty(VectorsOf(aggregated with { Knows = FlowKnowledge.Protocol }));
        Assert.Empty(VectorsOf(aggregated with { Protocol = 0, Knows = FlowKnowledge.None }));
    }

    internal static List<Vector> VectorsOf(FlowRecord flow)
    {
        var bits = (uint)TrafficVectorsOf.Flow(in flow);
        return [.. Enum.GetValues<Vector>().Where(vector => vector > 0 && (bits >> ((int)vector - 1) & 1) != 0)];
    }

    private static FlowRecord Flow(byte protocol) =>
        new() { Protocol = protocol, SourcePort = 40_000, DestinationPort = 443, Knows = FlowKnowledge.All };
}
