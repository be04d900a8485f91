using System.Globalization;
using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>What the sketches of the last seconds say a target's traffic is made of.</summary>
internal static class SketchReading
{
    private const int Most = 5;
    private const double Least = 0.01;

    public static Evidence Read(IReadOnlyCollection<TrafficSketch> sketches)
    {
        var packets = sketches.Sum(sketch => (double)(sketch.Total?.Packets ?? 0));
        return packets == 0
            ? Evidence.None
            : new Evidence(
                Largest(sketches.SelectMany(sketch => sketch.Peers).Where(peer => peer.Address.Length is 4 or 16)
                    .Select(peer => (new IPAddress(peer.Address.Span).ToString(), peer.Counters)), packets),
                Largest(sketches.SelectMany(sketch => sketch.SourcePorts), packets),
                Largest(sketches.SelectMany(sketch => sketch.DestinationPorts), packets),
                Largest(sketches.SelectMany(sketch => sketch.PacketLengths), packets),
                Largest(sketches.SelectMany(sketch => sketch.Protocols), packets));
    }

    private static IReadOnlyList<Share> Largest(IEnumerable<NumberShare> shares, double packets) =>
        Largest(shares.Select(share => (share.Number.ToString(CultureInfo.InvariantCulture), share.Counters)), packets);

    /// <summary>The largest by packets; increments of several processes and seconds add up.</summary>
    private static IReadOnlyList<Share> Largest(IEnumerable<(string Value, Counters Counters)> shares, double packets) =>
    [
        .. shares.Where(share => share.Counters is not null).GroupBy(share => share.Value)
            .Select(same => new Share(same.Key, Math.Round(Math.Min(1, same.Sum(share => (double)share.Counters.Packets) / packets), 3)))
            .Where(share => share.Part >= Least)
            .OrderByDescending(share => share.Part).ThenBy(share => share.Value, StringComparer.Ordinal)
            .Take(Most),
    ];
}
