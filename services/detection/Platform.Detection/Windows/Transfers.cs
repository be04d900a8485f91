using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What few servers of services send one target beyond the usual: somebody's download, backup, speed test. It is no part of what is judged by its shape.</summary>
/// <param name="PartOfFew">Of what services send, how much is of few servers: 0 to 1.</param>
/// <param name="Expected">What is usual at this hour, per second.</param>
/// <param name="MostBits">Bits per second that transfers may have.</param>
/// <param name="Luck">Bits by which as much may be off in one second, of what is sampled.</param>
/// <param name="Left">Bits that this second may have of it where the seconds before had less: a second has twice as many sampled packets as another by luck.</param>
internal readonly record struct Transfers(double PartOfFew, SecondTraffic Expected, double MostBits, double Luck = 0, double Left = 0)
{
    /// <summary>Whether few servers have sent more than transfers may have: they are not, or they are not alone.</summary>
    /// <param name="whole">All that came.</param>
    /// <param name="seconds">In so many seconds.</param>
    public bool AreTooMuch(in SecondTraffic whole, int seconds)
    {
        var beyond = whole.Total.Bits - ((double)Expected.Total.Bits * seconds);
        return Math.Min((whole.Served * PartOfFew).Of(TrafficVector.Total, TrafficUnit.Bits, whole), beyond) > (MostBits * seconds) + (Luck * Math.Sqrt(seconds));
    }

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
        var most = Math.Max(MostBits, Left);
        var part = bits <= most ? 1 : most / bits;
        return new Amount((long)(bits * part), (long)(packets * part));
    }

    /// <summary>A second without them.</summary>
    public SecondTraffic Rest(in SecondTraffic traffic)
    {
        var rest = traffic.Copy();
        if (Of(traffic, TrafficVector.Total) is { Packets: > 0 } all)
        {
            // From port 443 it may be either: so much of it is UDP that of the rest as much is UDP as ever.
            var (udp, tcp) = (Of(traffic, TrafficVector.Udp), Of(traffic, TrafficVector.TcpAck));
            var usual = Math.Min(1, Expected[TrafficVector.Udp].Packets / Math.Max(1.0, Expected.Total.Packets));
            var left = Math.Max(0, traffic.Total.Packets - Expected.Total.Packets - all.Packets);
            var most = Math.Min(udp.Packets, all.Packets);
            var quic = Math.Clamp((traffic[TrafficVector.Udp] - Expected[TrafficVector.Udp]).Packets - (usual * left), Math.Clamp(all.Packets - tcp.Packets, 0, most), most);
            var (ofUdp, ofTcp) = (quic / Math.Max(1, udp.Packets), Math.Min(1, (all.Packets - quic) / Math.Max(1, tcp.Packets)));
            rest.Subtract(SecondTraffic.Of(
                all, (TrafficVector.Udp, udp * ofUdp), (TrafficVector.TcpAck, tcp * ofTcp), (TrafficVector.TcpFinless, tcp * ofTcp)));
        }

        return rest;
    }
}
