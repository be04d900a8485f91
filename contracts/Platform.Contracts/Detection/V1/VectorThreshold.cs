namespace Platform.Contracts.Detection.V1;

/// <summary>From which rate on traffic of one vector towards one host counts as an anomaly.</summary>
public sealed record VectorThreshold
{
    /// <summary><c>total</c>, <c>udp</c>, <c>icmp</c> or <c>tcp-syn</c> (open set).</summary>
    public required string Vector { get; init; }

    /// <summary>Bits per second, already multiplied by the sampling rate; null when bits are not watched.</summary>
    public long? BitsPerSecond { get; init; }

    /// <summary>Packets per second, already multiplied by the sampling rate; null when packets are not watched.</summary>
    public long? PacketsPerSecond { get; init; }
}
