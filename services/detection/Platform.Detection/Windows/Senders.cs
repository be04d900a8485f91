using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;

namespace Platform.Detection.Windows;

/// <summary>
/// From how many sources a surge comes: the largest of them, as sketches add up. Three seconds of them are few sampled packets; those of the
/// whole surge tell one sender from many.
/// </summary>
internal sealed class Senders
{
    private const int Most = 192;
    private const int Kept = 64;

    /// <summary>Whom one host talks to at a time, of one service.</summary>
    public const int Servers = 20;

    /// <summary>Sampled ones: of fewer, so many servers always have most.</summary>
    public const int EnoughPackets = 3 * Servers;

    private Dictionary<ByteString, Sent> _sent = [];
    private Dictionary<uint, (double Packets, double Bits)> _ports = [];
    private Served _served;
    private double? _partOfFew; // until the next sketch
    private double _least; // packets that one who is in no list may have at the most
    private double _listed; // packets of all who are in a list
    private double _unlisted; // of all who are in none

    /// <summary>Packets that sketches were made of.</summary>
    public double Sketched { get; private set; }

    public void Add(TrafficSketch sketch) => Count(sketch, 1);

    /// <summary>As if it had not been added, but for who was forgotten since.</summary>
    public void Remove(TrafficSketch sketch) => Count(sketch, -1);

    private void Count(TrafficSketch sketch, int sign)
    {
        _partOfFew = null;
        var total = (double)(sketch.Total?.Packets ?? 0);
        Sketched = Math.Max(0, Sketched + (sign * total));
        _served = sign > 0 ? _served + Served.ListedIn(sketch) : _served - Served.ListedIn(sketch);
        var (listed, least) = (0.0, double.MaxValue);
        foreach (var peer in sketch.Peers)
        {
            (listed, least) = (listed + (peer.Counters?.Packets ?? 0), Math.Min(least, peer.Counters?.Packets ?? 0));
        }

        var unlisted = listed > 0 ? Math.Max(0, total - listed) : 0;
        least = unlisted > 0 ? least : 0;
        (_listed, _unlisted, _least) = (Math.Max(0, _listed + (sign * listed)), Math.Max(0, _unlisted + (sign * unlisted)), Math.Max(0, _least + (sign * least)));
        foreach (var peer in sketch.Peers)
        {
            var known = _sent.GetValueOrDefault(peer.Address);
            var sent = new Sent(peer.Counters?.Packets ?? 0, (peer.Counters?.Bytes ?? 0) * 8.0, least);
            _sent[peer.Address] = sign > 0 ? known + sent : known - sent;
        }

        foreach (var port in sketch.SourcePorts)
        {
            var known = _ports.GetValueOrDefault(port.Number);
            _ports[port.Number] = (
                Math.Max(0, known.Packets + (sign * (double)(port.Counters?.Packets ?? 0))), Math.Max(0, known.Bits + (sign * (double)(port.Counters?.Bytes ?? 0) * 8)));
        }

        if (_ports.Count > Most)
        {
            _ports = _ports.OrderByDescending(port => port.Value.Packets).Take(Kept).ToDictionary();
        }

        if (_sent.Count > Most)
        {
            // A server of which a few long packets were sampled is not forgotten for many who sent as few short ones.
            _sent = _sent.OrderByDescending(sender => sender.Value.Packets).Take(Kept)
                .UnionBy(_sent.OrderByDescending(sender => sender.Value.Bits).Take(Kept), sender => sender.Key).ToDictionary();
        }
    }

    /// <summary>What was long ago says less: together with the surge, so that what sketches tell and what came are of the same seconds.</summary>
    public void Halve()
    {
        (Sketched, _served) = (Sketched / 2, _served * 0.5);
        (_listed, _unlisted, _least) = (_listed / 2, _unlisted / 2, _least / 2);
        _ports = _ports.ToDictionary(port => port.Key, port => (port.Value.Packets / 2, port.Value.Bits / 2));
        _sent = _sent.ToDictionary(sender => sender.Key, sender => sender.Value * 0.5);
        _partOfFew = null;
    }

    /// <summary>
    /// How much of what services send is of few servers, in long packets: 0 to 1. A sketch lists the largest senders only: of what is in no list as much is taken for theirs
    /// as of the lists, and no more than the least of each list for each of them. Of few sampled packets they have the benefit of the doubt.
    /// </summary>
    /// <param name="grain">Packets that one sampled packet stands for.</param>
    public double PartOfFew(double grain) => _partOfFew ??= FindPartOfFew(grain);

    /// <summary>Packets that few servers sent from ports of services.</summary>
    /// <param name="grain">Packets that one sampled packet stands for.</param>
    public double ServedByFew(double grain) => PartOfFew(grain) * (_served.HttpsPackets + _served.OtherPackets);

    private double FindPartOfFew(double grain)
    {
        Sent[] all = [.. _sent.Values.Where(sent => sent.Bits >= TrafficShape.LongPacket * sent.Packets).OrderByDescending(sent => sent.Packets)];
        // Of many packets somebody's only one says nothing: of any crowd as many have one.
        var least = CouldBeFew(all, grain) ? 0 : grain;
        Sent[] servers = [.. all.Where(sent => sent.Packets > least).Take(Servers)];
        var served = _served.HttpsPackets + _served.OtherPackets;
        var theirs = servers.Sum(sent => sent.Packets);
        var hidden = Math.Min(_unlisted * theirs / Math.Max(1, _listed), (Servers * _least) - servers.Sum(sent => sent.Least));
        return served == 0 || theirs == 0 ? 0 : Math.Min(1, (theirs + hidden + (2 * Math.Sqrt((theirs + hidden) * grain))) / served);
    }

    /// <summary>Of so few servers as many sampled packets would meet by chance in one of them; a crowd's hardly do. What is remembered half as much may be half a packet of each.</summary>
    private static bool CouldBeFew(Sent[] senders, double grain)
    {
        var (packets, squares) = (0.0, 0.0);
        foreach (var sender in senders)
        {
            var sampled = sender.Packets / grain;
            (packets, squares) = (packets + sampled, squares + (sampled * sampled));
        }

        var (pairs, expected) = ((squares - (0.5 * packets)) / 2, packets * packets / (2 * Servers));
        return pairs >= expected - (3 * Math.Sqrt(expected));
    }

    /// <summary>Packets from the two ports that most come from; null: nothing is known of ports.</summary>
    public double? FromTwoPorts => _ports.Count == 0 ? null : _ports.Values.Select(port => port.Packets).OrderDescending().Take(2).Sum();

    /// <summary>Long packets of all other ports than the two that most of them come from.</summary>
    public double FromOtherPortsInLongPackets() => _ports.Values.Where(port => port.Bits >= TrafficShape.LongPacket * port.Packets)
        .Select(port => port.Packets).OrderDescending().Skip(2).Sum();

    /// <summary>Packets of the largest.</summary>
    /// <param name="sources">Of so many.</param>
    /// <param name="least">Who has no more than so many is none of them.</param>
    public double Of(int sources, double least = 0) =>
        _sent.Values.Where(sent => sent.Packets > least).OrderByDescending(sent => sent.Packets).Take(sources).Sum(sent => sent.Packets);

    /// <summary>Packets of the largest of those who send long ones.</summary>
    /// <param name="sources">Of so many.</param>
    /// <param name="least">Bits of one that is long.</param>
    public double InLongPackets(int sources, double least = TrafficShape.LongPacket) =>
        _sent.Values.Where(sent => sent.Bits >= least * sent.Packets).OrderByDescending(sent => sent.Packets).Take(sources).Sum(sent => sent.Packets);

    /// <param name="Packets">In the lists that it is in.</param>
    /// <param name="Bits">The same.</param>
    /// <param name="Least">Packets of the least of each of these lists.</param>
    private readonly record struct Sent(double Packets, double Bits, double Least)
    {
        public static Sent operator +(Sent left, Sent right) => new(left.Packets + right.Packets, left.Bits + right.Bits, left.Least + right.Least);

        public static Sent operator -(Sent left, Sent right) =>
            new(Math.Max(0, left.Packets - right.Packets), Math.Max(0, left.Bits - right.Bits), Math.Max(0, left.Least - right.Least));

        public static Sent operator *(Sent left, double times) => new(left.Packets * times, left.Bits * times, left.Least * times);
    }
}
