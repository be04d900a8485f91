using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;

namespace Platform.Detection.Windows;

/// <summary>
/// From how many sources a surge comes: the largest of them and of their ports, as sketches add up. Three seconds of them are few sampled packets; those of the
/// whole surge tell one sender from many.
/// </summary>
internal sealed class Senders
{
    private const int Most = 64;
    private const int Kept = 20;
    private const int Servers = 20;
    private const uint Https = 443;
    private const int LongestMemory = 60; // seconds, as of the surge
    private Dictionary<ByteString, (double Packets, double Bits)> _sent = [];
    private Dictionary<uint, double> _ports = []; // packets
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
            var (packets, bits) = _sent.GetValueOrDefault(peer.Address);
            _sent[peer.Address] = (packets + (peer.Counters?.Packets ?? 0), bits + ((peer.Counters?.Bytes ?? 0) * 8.0));
        }

        if (_sent.Count > Most)
        {
            _sent = _sent.OrderByDescending(sender => sender.Value.Packets).Take(Kept).ToDictionary();
        }

        foreach (var port in sketch.SourcePorts)
        {
            _ports[port.Number] = _ports.GetValueOrDefault(port.Number) + (port.Counters?.Packets ?? 0);
        }

        if (_ports.Count > Most)
        {
            _ports = _ports.OrderByDescending(port => port.Value).Take(Kept).ToDictionary();
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
            _sent = _sent.ToDictionary(sender => sender.Key, sender => (sender.Value.Packets / 2, sender.Value.Bits / 2));
            _ports = _ports.ToDictionary(port => port.Key, port => port.Value / 2);
        }
    }

    /// <summary>Packets and bits of the two largest, each by itself.</summary>
    public IEnumerable<(double Packets, double Bits)> LargestTwo() => _sent.Values.OrderByDescending(sent => sent.Packets).Take(2);

    /// <summary>
    /// Packets of a service's few servers: several connections of one download, the edges of a content network. All of them send from one port of a
    /// service (QUIC: 443), where floods have another port for each packet, or that of what they abuse.
    /// </summary>
    public double OfService(bool isUdp) => Math.Min(
        _sent.Values.OrderByDescending(sent => sent.Packets).Take(Servers).Sum(sent => sent.Packets),
        _ports.Where(port => isUdp ? port.Key is Https : port.Key is < 1024 or 8080).Select(port => port.Value).DefaultIfEmpty().Max());
}
