using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>Kinds of traffic that a flow is part of, as bits. Bit n - 1 is value n of the contract's <c>Vector</c>.</summary>
[Flags]
internal enum TrafficVectors : uint
{
    None = 0,
    Udp = 1 << 0,
    Icmp = 1 << 1,
    TcpSyn = 1 << 2,
}

internal static class TrafficVectorsOf
{
    private const int Syn = 0x02;
    private const int Ack = 0x10;

    public static TrafficVectors Flow(in FlowRecord flow) => flow.Protocol switch
    {
        17 => TrafficVectors.Udp,
        1 or 58 => TrafficVectors.Icmp,
        6 when (flow.TcpFlags & (Syn | Ack)) == Syn => TrafficVectors.TcpSyn,
        _ => TrafficVectors.None,
    };
}
