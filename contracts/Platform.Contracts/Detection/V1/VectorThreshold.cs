namespace Platform.Contracts.Detection.V1;

/// <summary>From which rate on traffic of one vector towards one host counts as an anomaly.</summary>
public sealed record VectorThreshold
{
    /// <summary><c>total</c>, or a name of <c>Vector</c> in telemetry.proto: <c>udp</c>, <c>tcp-syn</c>, <c>ntp</c>, ... (open set).</summary>
    public required string Vector { get; init; }

    /// <summary>Bits per second, already multiplied by the sampling rate; null when bits are not watched.</summary>
    public long? BitsPerSecond { get; init; }

    /// <summary>Packets per second, already multiplied by the sampling rate; null when packets are not watched.</summary>
    public long? PacketsPerSecond { get; init; }

    /// <summary>Flow records per second, as exported; null when flows are not watched. Since release 2.</summary>
    public long? FlowsPerSecond { get; init; }

    /// <summary><c>host</c>, <c>prefix</c> or <c>object</c>: whose traffic is held against it; null means <c>host</c>. Since release 2.</summary>
    public string? Level { get; init; }

    /// <summary><c>in</c> towards the host, <c>out</c> from it; null means <c>in</c>. Since release 2.</summary>
    public string? Direction { get; init; }
}
