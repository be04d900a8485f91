namespace Platform.Contracts.Detection.V1;

/// <summary>Traffic of one vector towards the target in one second, with the threshold it was held against.</summary>
public sealed record VectorRate
{
    /// <summary><c>total</c>, or a name of <c>Vector</c> in telemetry.proto: <c>udp</c>, <c>tcp-syn</c>, <c>ntp</c>, ... (open set).</summary>
    public required string Vector { get; init; }

    /// <summary>Bits per second, already multiplied by the sampling rate.</summary>
    public required long BitsPerSecond { get; init; }

    /// <summary>Packets per second, already multiplied by the sampling rate.</summary>
    public required long PacketsPerSecond { get; init; }

    /// <summary>Threshold in bits per second; null when bits of this vector are not watched.</summary>
    public long? ThresholdBitsPerSecond { get; init; }

    /// <summary>Threshold in packets per second; null when packets of this vector are not watched.</summary>
    public long? ThresholdPacketsPerSecond { get; init; }

    /// <summary>Flow records per second, as exported. Since release 2.</summary>
    public long? FlowsPerSecond { get; init; }

    /// <summary>Threshold in flow records per second; null when flows of this vector are not watched. Since release 2.</summary>
    public long? ThresholdFlowsPerSecond { get; init; }

    /// <summary>Usual bits per second at this hour of the week; null while nothing is learned. Since release 2.</summary>
    public long? BaselineBitsPerSecond { get; init; }

    /// <summary>Usual packets per second at this hour of the week; null while nothing is learned. Since release 2.</summary>
    public long? BaselinePacketsPerSecond { get; init; }
}
