using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;

namespace Platform.Detection.Windows;

/// <summary>
/// From how many sources a surge comes: the largest of them, as sketches add up. Three seconds of them are few sampled packets; those of the whole surge
/// tell one sender from many.
/// </summary>
internal sealed class Senders
{
    private const int Most = 64;
    private const int Kept = 16;
    private const int LongestMemory = 60; // seconds, as of the surge
    private Dictionary<ByteString, double> _packets = [];
    private long _second;
    private int _seconds;

    /// <summary>Packets that sketches were made of.</summary>
    public double Sketched { get; private set; }

    public void Add(TrafficSketch sketch)
    {
        Fade(sketch.Second);
        Sketched += sketch.Total?.Packets ?? 0;
        foreach (var peer in sketch.Peers)
        {
            _packets[peer.Address] = _packets.GetValueOrDefault(peer.Address) + (peer.Counters?.Packets ?? 0);
        }

        if (_packets.Count > Most)
        {
            _packets = _packets.OrderByDescending(sender => sender.Value).Take(Kept).ToDictionary();
        }
    }

    /// <summary>What was long ago says less about who sends now.</summary>
    private void Fade(long second)
    {
        if (second == _second)
        {
            return;
        }

        _second = second;
        if (_seconds++ == LongestMemory)
        {
            (Sketched, _seconds) = (Sketched / 2, _seconds / 2);
            _packets = _packets.ToDictionary(sender => sender.Key, sender => sender.Value / 2);
        }
    }

    /// <summary>Packets of the two largest.</summary>
    public double LargestTwo() => _packets.Values.OrderDescending().Take(2).Sum();
}
