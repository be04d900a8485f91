using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Anomalies;

/// <summary>Amounts of one vector in one second; in a second they are rates.</summary>
internal readonly record struct Amount(long Bits, long Packets)
{
    public static Amount operator +(Amount left, Amount right) =>
        new(SaturatingAdd(left.Bits, right.Bits), SaturatingAdd(left.Packets, right.Packets));

    private static long SaturatingAdd(long left, long right) => left > long.MaxValue - right ? long.MaxValue : left + right;
}

/// <summary>What one host received in one second, as far as it is known.</summary>
internal readonly record struct SecondTraffic(Amount Total, Amount Udp, Amount Icmp, Amount TcpSyn)
{
    public Amount this[TrafficVector vector] => vector switch
    {
        TrafficVector.Total => Total,
        TrafficVector.Udp => Udp,
        TrafficVector.Icmp => Icmp,
        TrafficVector.TcpSyn => TcpSyn,
        _ => default,
    };

    public static SecondTraffic operator +(SecondTraffic left, SecondTraffic right) =>
        new(left.Total + right.Total, left.Udp + right.Udp, left.Icmp + right.Icmp, left.TcpSyn + right.TcpSyn);

    /// <summary>Whether any watched rate exceeds this share of its threshold. Allocates nothing: it runs for every window.</summary>
    public bool Exceeds(IReadOnlyList<Threshold> thresholds, double share = 1.0)
    {
        for (var i = 0; i < thresholds.Count; i++)
        {
            var threshold = thresholds[i];
            var amount = this[threshold.Vector];
            if (amount.Bits > threshold.BitsPerSecond * share || amount.Packets > threshold.PacketsPerSecond * share)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The vectors over their threshold, greatest excess first.</summary>
    public IReadOnlyList<VectorMeasurement> Over(IReadOnlyList<Threshold> thresholds)
    {
        var traffic = this;
        return
        [
            .. from threshold in thresholds
               let amount = traffic[threshold.Vector]
               let excess = Math.Max(
                   amount.Bits / (double)(threshold.BitsPerSecond ?? long.MaxValue),
                   amount.Packets / (double)(threshold.PacketsPerSecond ?? long.MaxValue))
               where amount.Bits > threshold.BitsPerSecond || amount.Packets > threshold.PacketsPerSecond
               orderby excess descending, threshold.Vector
               select new VectorMeasurement(
                   threshold.Vector, amount.Bits, amount.Packets, threshold.BitsPerSecond, threshold.PacketsPerSecond),
        ];
    }
}
