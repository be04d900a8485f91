namespace Platform.Detection.ProtectedObjects;

/// <summary>Kinds of traffic that are judged apart; one packet can be part of several. Stored as numbers: never renumber.</summary>
internal enum TrafficVector
{
    /// <summary>Every packet.</summary>
    Total = 1,

    /// <summary>IP protocol 17.</summary>
    Udp = 2,

    /// <summary>IP protocol 1 or 58.</summary>
    Icmp = 3,

    /// <summary>TCP with SYN and without ACK.</summary>
    TcpSyn = 4,
}

/// <summary>From which rate on traffic of one vector towards one host is an anomaly.</summary>
/// <param name="Vector">Which traffic.</param>
/// <param name="BitsPerSecond">Null when bits are not watched.</param>
/// <param name="PacketsPerSecond">Null when packets are not watched.</param>
internal sealed record Threshold(TrafficVector Vector, long? BitsPerSecond, long? PacketsPerSecond)
{
    /// <summary>
    /// What a new object starts with, from the bandwidth that the customer declared: no single host should get all of it, and a flood shows
    /// in packets before it shows in bits. The floors keep small contracts quiet.
    /// </summary>
    public static IReadOnlyList<Threshold> DefaultsFor(long declaredBitsPerSecond) =>
    [
        new(TrafficVector.Total, Math.Max(20_000_000, declaredBitsPerSecond), Math.Max(20_000, declaredBitsPerSecond / 4_000)),
        new(TrafficVector.Udp, Math.Max(10_000_000, declaredBitsPerSecond / 2), Math.Max(10_000, declaredBitsPerSecond / 8_000)),
        new(TrafficVector.Icmp, Math.Max(2_000_000, declaredBitsPerSecond / 100), Math.Max(1_000, declaredBitsPerSecond / 100_000)),
        new(TrafficVector.TcpSyn, null, Math.Max(2_000, declaredBitsPerSecond / 100_000)),
    ];
}

/// <summary>Vectors as contracts and messages name them.</summary>
internal static class VectorNames
{
    private static readonly Dictionary<TrafficVector, string> Names = new()
    {
        [TrafficVector.Total] = "total",
        [TrafficVector.Udp] = "udp",
        [TrafficVector.Icmp] = "icmp",
        [TrafficVector.TcpSyn] = "tcp-syn",
    };

    public static string Name(this TrafficVector vector) => Names[vector];

    /// <summary>The vector with this name; null when there is none.</summary>
    public static TrafficVector? Find(string name) =>
        Names.Where(pair => pair.Value == name).Select(pair => (TrafficVector?)pair.Key).FirstOrDefault();
}
