using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What few servers of services send one target beyond the usual: somebody's download, backup, speed test. It is no part of what is judged by its shape.</summary>
/// <param name="PartOfFew">Of what services send, how much is of few servers: 0 to 1.</param>
/// <param name="Expected">What is usual at this hour, per second.</param>
/// <param name="MostBits">Bits per second that transfers may have.</param>
internal readonly record struct Transfers(double PartOfFew, SecondTraffic Expected, double MostBits)
{
    /// <summary>Of a second, in the unit and the vector of a rule.</summary>
    public double Of(in SecondTraffic traffic, LearnedThreshold rule) => Of(traffic, rule.Vector)[rule.Unit];

    /// <summary>Of a vector of a second.</summary>
    public Amount Of(in SecondTraffic traffic, TrafficVector vector)
    {
        if (PartOfFew == 0 || traffic.Served == default)
        {
            return default;
        }

        var (served, beyond) = (traffic.Served * PartOfFew, traffic[vector] - Expected[vector]);
        var bits = Math.Min(served.Of(vector, TrafficUnit.Bits, traffic), beyond.Bits);
        var packets = Math.Min(served.Of(vector, TrafficUnit.Packets, traffic), beyond.Packets);
        var part = bits <= MostBits ? 1 : MostBits / bits;
        return new Amount((long)(bits * part), (long)(packets * part));
    }
}
