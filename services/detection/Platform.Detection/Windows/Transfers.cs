using Platform.Detection.Anomalies;
using Platform.Detection.Learning;

namespace Platform.Detection.Windows;

/// <summary>What few servers of services send one target beyond the usual: somebody's download, backup, speed test. It is no part of what is judged by its shape.</summary>
/// <param name="PartOfFew">Of what services send, how much is of few servers: 0 to 1.</param>
/// <param name="Expected">What is usual at this hour, per second.</param>
/// <param name="MostBits">Bits per second that transfers may have.</param>
internal readonly record struct Transfers(double PartOfFew, SecondTraffic Expected, double MostBits)
{
    /// <summary>Of a second, in the unit and the vector of a rule.</summary>
    public double Of(in SecondTraffic traffic, LearnedThreshold rule)
    {
        if (PartOfFew == 0 || traffic.Served == default)
        {
            return 0;
        }

        var (served, beyond) = (traffic.Served * PartOfFew, traffic[rule.Vector] - Expected[rule.Vector]);
        var bits = Math.Min(served.Of(rule.Vector, TrafficUnit.Bits, traffic), beyond.Bits);
        var amount = rule.Unit is TrafficUnit.Bits ? bits : Math.Min(served.Of(rule.Vector, TrafficUnit.Packets, traffic), beyond.Packets);
        return bits <= MostBits ? amount : amount * MostBits / bits;
    }
}
