namespace Platform.Contracts.Detection.V1;

/// <summary>Traffic of one vector towards the target in one second, with the threshold it was held against.</summary>
public sealed record VectorRate
{
    /// <summary><c>total</c>, <c>udp</c>, <c>icmp</c> or <c>tcp-syn</c> (open set).</summary>
    public required string Vector { get; init; }

    /// <summary>Bits per second, already multiplied by the sampling rate.</summary>
    public required long BitsPerSecond { get; init; }

    /// <summary>Packets per second, already multiplied by the sampling rate.</summary>
    public required long PacketsPerSecond { get; init; }

    /// <summary>Threshold in bits per second; null when bits of this vector are not watched.</summary>
    public long? ThresholdBitsPerSecond { get; init; }

    /// <summary>Threshold in packets per second; null when packets of this vector are not watched.</summary>
    public long? ThresholdPacketsPerSecond { get; init; }
}
