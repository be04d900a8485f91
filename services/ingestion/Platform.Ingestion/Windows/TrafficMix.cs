using System.Collections.Concurrent;
using Google.Protobuf;
using Platform.Ingestion.Flows;
using Wire = Platform.Contracts.Grpc.Telemetry.V1;

namespace Platform.Ingestion.Windows;

/// <summary>What the traffic of one object or one host was made of, in bounded room: about five kilobytes.</summary>
internal sealed class TrafficMix
{
    private const int MostSent = 16;
    private static readonly uint[] LengthClasses = [64, 128, 256, 512, 1024, 1518, 65_535];

    private readonly HeavyHitters<HostAddress> _peers = new();
    private readonly HeavyHitters<uint> _sourcePorts = new();
    private readonly HeavyHitters<uint> _destinationPorts = new();
    private readonly HeavyHitters<uint> _interfaces = new();
    private readonly HeavyHitters<uint> _asNumbers = new();
    private readonly HeavyHitters<uint> _protocols = new();
    private readonly Amounts[] _lengths = new Amounts[LengthClasses.Length];
    private Amounts _total;

    public void Add(in FlowRecord flow, bool isOutgoing, Amounts amounts)
    {
        _total += amounts;
        _peers.Add(isOutgoing ? flow.Destination : flow.Source, amounts);
        if ((flow.Knows & FlowKnowledge.Protocol) != 0)
        {
            _protocols.Add(flow.Protocol, amounts);
        }

        // A zero that was not told is no port, and fragments have none.
        if (flow.Protocol is 6 or 17 && !flow.IsFragment && (flow.SourcePort | flow.DestinationPort) != 0)
        {
            AddPort(_sourcePorts, flow.SourcePort, flow.Knows, amounts);
            AddPort(_destinationPorts, flow.DestinationPort, flow.Knows, amounts);
        }

        if (flow.InInterface != 0)
        {
            _interfaces.Add(flow.InInterface, amounts);
        }

        if ((isOutgoing ? flow.DestinationAsn : flow.SourceAsn) is > 0 and var asNumber)
        {
            _asNumbers.Add(asNumber, amounts);
        }

        if (flow.Bytes == 0 || flow.Packets == 0)
        {
            return; // one of the two was not told: nobody knows how long the packets were
        }

        var length = flow.Bytes / flow.Packets;
        var slot = 0;
        while (slot < LengthClasses.Length - 1 && length > LengthClasses[slot])
        {
            slot++;
        }

        _lengths[slot] += amounts;
    }

    /// <param name="host">Default: the whole object.</param>
    public Wire.TrafficSketch ToWire(HostAddress host, bool isOutgoing, long second)
    {
        var sketch = new Wire.TrafficSketch { Host = BytesOf(host), Outgoing = isOutgoing, Second = second, Total = ToWire(_total) };
        sketch.Peers.AddRange(_peers.Largest(MostSent).Select(
            peer => new Wire.AddressShare { Address = BytesOf(peer.Key), Counters = ToWire(peer.Amounts) }));
        sketch.SourcePorts.AddRange(ToWire(_sourcePorts));
        sketch.DestinationPorts.AddRange(ToWire(_destinationPorts));
        sketch.Interfaces.AddRange(ToWire(_interfaces));
        sketch.AsNumbers.AddRange(ToWire(_asNumbers));
        sketch.Protocols.AddRange(ToWire(_protocols));
        sketch.PacketLengths.AddRange(LengthClasses.Zip(_lengths)
            .Where(entry => entry.Second != default)
            .OrderByDescending(entry => entry.Second.Packets)
            .Select(entry => new Wire.NumberShare { Number = entry.First, Counters = ToWire(entry.Second) }));
        return sketch;
    }

    public void Clear()
    {
        _peers.Clear();
        _sourcePorts.Clear();
        _destinationPorts.Clear();
        _interfaces.Clear();
        _asNumbers.Clear();
        _protocols.Clear();
        Array.Clear(_lengths);
        _total = default;
    }

    private static void AddPort(HeavyHitters<uint> ports, ushort port, FlowKnowledge knows, Amounts amounts)
    {
        if (port != 0 || (knows & FlowKnowledge.Ports) != 0)
        {
            ports.Add(port, amounts);
        }
    }

    private static IEnumerable<Wire.NumberShare> ToWire(HeavyHitters<uint> numbers) =>
        numbers.Largest(MostSent).Select(entry => new Wire.NumberShare { Number = entry.Key, Counters = ToWire(entry.Amounts) });

    private static Wire.Counters ToWire(Amounts amounts) => new() { Bytes = amounts.Bytes, Packets = amounts.Packets, Flows = amounts.Flows };

    private static ByteString BytesOf(HostAddress host) =>
        host == default ? ByteString.Empty : ByteString.CopyFrom(host.ToIPAddress().GetAddressBytes());
}

/// <summary>
/// The mixes of one opening of the windows: one for each object, one for each host near a watch level. Only some flows are looked at when there are many, and count
/// for the others: all sums stay right on average.
/// </summary>
internal sealed class TrafficMixes
{
    /// <summary>Mixes that one receiving thread fills at a time: 80 MB when all are there.</summary>
    public const int Most = 16_384;

    private const int MostFree = 1024;
    private static readonly ConcurrentBag<TrafficMix> Free = [];

    private readonly Dictionary<(int ObjectIndex, HostAddress Host, bool IsOutgoing), TrafficMix> _mixes = [];
    private ulong _random = (ulong)Random.Shared.NextInt64() | 1;

    /// <summary>For how many flows this one counts: 1 for the first ones, then 0 mostly and <paramref name="oneIn"/> at times.</summary>
    /// <param name="oneIn">A power of two.</param>
    public uint Draws(uint flows, uint most, uint oneIn)
    {
        if (flows <= most)
        {
            return 1;
        }

        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return ((uint)(_random >> 32) & (oneIn - 1)) == 0 ? oneIn : 0;
    }

    public TrafficMix? Find(int objectIndex, HostAddress host, bool isOutgoing)
    {
        if (_mixes.TryGetValue((objectIndex, host, isOutgoing), out var mix))
        {
            return mix;
        }

        if (_mixes.Count >= Most)
        {
            return null;
        }

        return _mixes[(objectIndex, host, isOutgoing)] = Free.TryTake(out var free) ? free : new TrafficMix();
    }

    /// <summary>What there is, by object.</summary>
    public ILookup<int, MixOf> ByObject() =>
        _mixes.ToLookup(entry => entry.Key.ObjectIndex, entry => new MixOf(entry.Key.Host, entry.Key.IsOutgoing, entry.Value));

    public void Release()
    {
        foreach (var mix in _mixes.Values)
        {
            if (Free.Count < MostFree)
            {
                mix.Clear();
                Free.Add(mix);
            }
        }

        _mixes.Clear();
    }
}

/// <summary>A mix with whose it is.</summary>
/// <param name="Host">Default: the whole object's.</param>
internal readonly record struct MixOf(HostAddress Host, bool IsOutgoing, TrafficMix Mix)
{
    public Wire.TrafficSketch ToWire(long second) => Mix.ToWire(Host, IsOutgoing, second);
}
