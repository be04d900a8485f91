using System.Diagnostics;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Benchmarks.DetectionQuality;

/// <summary>An anomaly that a detector opened.</summary>
/// <param name="At">When it could know (second of the simulation).</param>
/// <param name="Hosts">Numbers of the hosts that it named; null: the object.</param>
internal sealed record Alarm(double At, (int First, int Last)? Hosts);

/// <summary>The service's own judge, learning and rules, with streams in memory in place of the store.</summary>
internal sealed class OurDetector
{
    private static readonly Guid ObjectId = new(1, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 1);
    private const int Object = -1;
    private const int MostListed = 16; // as in a sketch of ingestion
    private readonly TrafficWorld _world;
    private readonly WindowJudge _judge;
    private readonly Queue<Finding> _findings = [];
    private readonly Dictionary<string, AnomalyState> _streams = [];
    private readonly TrafficWindowBatch _batch = new() { ObjectId = ObjectId.ToString(), Source = "simulation" };
    private readonly Dictionary<(int Host, long Second), HostWindow> _windows = [];
    private readonly List<HostWindow> _outgoing = [];
    private readonly Dictionary<int, Dictionary<(Origin Source, PacketKind Kind), (double Packets, double Bytes)>> _sources = [];
    private readonly List<Alarm> _alarms = [];
    private readonly Randomness _random = new(1); // of who sent which sampled packet
    private readonly long _start;
    private readonly double _watchPackets; // of one host: from here on ingestion says who sends, a tenth of the smallest threshold
    private readonly double _watchBits;

    public OurDetector(TrafficWorld world)
    {
        (_world, _start) = (world, world.Start.ToUnixTimeSeconds());
        _batch.SamplingRate = (uint)world.Sampling;
        var declared = (long)world.DeclaredBits;
        var thresholds = ThresholdProfiles.Of(world.Type, declared)!;
        _watchPackets = thresholds.Min(threshold => threshold.PacketsPerSecond ?? long.MaxValue) / 10.0;
        _watchBits = thresholds.Min(threshold => threshold.BitsPerSecond ?? long.MaxValue) / 10.0;
        var watched = new WatchedObject(
            Guid.Empty,
            ObjectId,
            "DP00000001",
            thresholds,
            IsRetired: false,
            [.. Enumerable.Range(0, world.Prefixes).Select(prefix => NetworkKey.Of(new IPNetwork(new IPAddress(Address(prefix * 256).Span), world.IsV6 ? 48 : 24)))],
            new ObjectSettings(declared, world.Type));
        var options = new AnomalyOptions();
        _judge = new WindowJudge(_ => watched, new WindowOptions(), options, _findings.Enqueue, new TelemetryPresence(options.TelemetryGap));
    }

    public IReadOnlyList<Alarm> Alarms => _alarms;

    public List<AnomalyDetected> Detected { get; } = [];

    /// <summary>What an open anomaly was told to be about as well.</summary>
    public List<Alarm> Widened { get; } = [];

    /// <summary>When an anomaly was over.</summary>
    public Dictionary<Guid, double> Ended { get; } = [];

    public void Add(int host, PacketKind kind, Origin source, double packets, double bytes, long second)
    {
        if (kind is PacketKind.TcpOut)
        {
            var sent = new HostWindow { Second = _start + second, Host = Address(host), Total = new Counters() };
            Count(sent.Total, packets, bytes);
            sent.Vectors.AddRange(VectorsOf(kind).Select(vector => new VectorCounters { Vector = vector, Counters = sent.Total.Clone() }));
            _outgoing.Add(sent);
            return;
        }

        See(Object, source, kind, packets, bytes);
        See(host, source, kind, packets, bytes);
        if (!_windows.TryGetValue((host, second), out var window))
        {
            _windows.Add((host, second), window = new HostWindow
            {
                Second = _start + second,
                Host = Address(host),
                Total = new Counters(),
            });
        }

        Count(window.Total, packets, bytes);
        foreach (var vector in VectorsOf(kind))
        {
            var counters = window.Vectors.FirstOrDefault(known => known.Vector == vector)?.Counters;
            if (counters is null)
            {
                window.Vectors.Add(new VectorCounters { Vector = vector, Counters = counters = new Counters() });
            }

            Count(counters, packets, bytes);
        }
    }

    /// <summary>What was added goes to the judge, as ingestion sends it: host by host, each host's seconds in order.</summary>
    public void Send(double until)
    {
        var now = _world.Start.AddSeconds(until);
        _judge.Hear(now); // the router reports something about somebody
        if (_windows.Count == 0 && _outgoing.Count == 0)
        {
            Rest(until);
            return;
        }

        _batch.Windows.Clear();
        _batch.Windows.AddRange(_windows.OrderBy(window => window.Key).Select(window => window.Value));

        _batch.Outgoing.Clear();
        _batch.Outgoing.AddRange(_outgoing);
        _batch.Sequence++;
        AddSketches((long)Math.Floor(until));
        _judge.Judge(_batch, default, now);
        _judge.Tick(now);
        _windows.Clear();
        _outgoing.Clear();
        Settle(until);
    }

    /// <summary>Nothing came.</summary>
    public void Rest(double until)
    {
        _judge.Tick(_world.Start.AddSeconds(until));
        Settle(until);
    }

    private void Settle(double at)
    {
        while (_findings.TryDequeue(out var finding))
        {
            var key = finding.Key;
            var state = _streams.GetValueOrDefault(key, AnomalyState.Quiet);
            foreach (var happened in ((Decision<AnomalyEvent>.Accepted)finding.Decide(state)).Events)
            {
                state = AnomalyState.Evolve(state, happened);
                if (happened is AnomalyDetected detected)
                {
                    _alarms.Add(new Alarm(at, Hosts(detected.Subject.Target)));
                    Detected.Add(detected);
                }
                else if (happened is AnomalyChanged { Prefixes: { } prefixes })
                {
                    Widened.AddRange(prefixes.Where(prefix => prefix.Part > 0).Select(prefix => new Alarm(at, Hosts(prefix.Prefix))));
                }
                else if (happened is AnomalyEnded ended)
                {
                    Ended[ended.Subject.AnomalyId] = at;
                }
            }

            _streams[key] = state;
            finding.Judge.Adopt(finding, state);
        }
    }

    private (int First, int Last) Hosts(IPNetwork named)
    {
        var address = named.BaseAddress.GetAddressBytes();
        var bits = (8 * address.Length) - named.PrefixLength; // of a /48 the hosts are the last byte
        var first = ((_world.IsV6 ? address[5] : address[2] - 113) * 256) + address[^1];
        return (first, first + (1 << (_world.IsV6 ? Math.Min(8, bits) : bits)) - 1);
    }

    private void See(int host, Origin source, PacketKind kind, double packets, double bytes)
    {
        if (!_sources.TryGetValue(host, out var sources))
        {
            _sources.Add(host, sources = []);
        }

        var sent = sources.GetValueOrDefault((source, kind));
        sources[(source, kind)] = (sent.Packets + packets, sent.Bytes + (packets * bytes));
    }

    /// <summary>As ingestion's: of the object and of hosts that had some traffic what is largest.</summary>
    private void AddSketches(long second)
    {
        _batch.Sketches.Clear();
        foreach (var (host, sources) in _sources)
        {
            var (allPackets, allBytes) = (sources.Values.Sum(sent => sent.Packets), sources.Values.Sum(sent => sent.Bytes));
            if (host != Object && allPackets < _watchPackets && allBytes * 8 < _watchBits)
            {
                continue;
            }

            var sketch = new TrafficSketch { Host = host == Object ? ByteString.Empty : Address(host), Second = _start + second, Total = new Counters() };
            Count(sketch.Total, allPackets, allBytes / allPackets);
            var peers = new Dictionary<uint, (double Packets, double Bytes)>();
            var (from, to, lengths, protocols) = (new Numbers(), new Numbers(), new Numbers(), new Numbers());
            foreach (var ((source, kind), (packets, bytes)) in sources)
            {
                var (sampled, length) = (Math.Max(1, (long)Math.Round(packets / _world.Sampling)), bytes / packets);
                var each = packets / sampled;
                foreach (var (address, count) in source.Share(sampled, _random))
                {
                    Put(peers, address, count * each, length);
                }

                if (kind.Protocol() is 6 or 17 && kind is not PacketKind.Fragment)
                {
                    PutPort(from, kind.SourcePort() ?? source.SourcePort, sampled, each, length);
                    PutPort(to, source.DestinationPort, sampled, each, length);
                }

                Put(lengths, length switch { <= 64 => 64, <= 128 => 128, <= 256 => 256, <= 512 => 512, <= 1024 => 1024, _ => 1518 }, packets, length);
                Put(protocols, kind is PacketKind.Icmp && _world.IsV6 ? 58 : kind.Protocol(), packets, length);
            }

            sketch.Peers.AddRange(Largest(peers).Select(peer => new AddressShare { Address = Peer(peer.Key), Counters = peer.Counters }));
            sketch.SourcePorts.AddRange(Shares(from));
            sketch.DestinationPorts.AddRange(Shares(to));
            sketch.PacketLengths.AddRange(Shares(lengths));
            sketch.Protocols.AddRange(Shares(protocols));
            _batch.Sketches.Add(sketch);
        }

        _sources.Clear();
    }

    private void PutPort(Numbers numbers, int port, long sampled, double each, double bytes)
    {
        if (port > 0)
        {
            Put(numbers, (uint)port, sampled * each, bytes);
            return;
        }

        for (var packet = 0; packet < Math.Min(MostListed, sampled); packet++)
        {
            Put(numbers, (uint)_random.Whole(1_024, 65_535), each, bytes);
        }
    }

    private static void Put(Dictionary<uint, (double Packets, double Bytes)> amounts, uint key, double packets, double bytes)
    {
        var known = amounts.GetValueOrDefault(key);
        amounts[key] = (known.Packets + packets, known.Bytes + (packets * bytes));
    }

    private static IEnumerable<NumberShare> Shares(Numbers numbers) =>
        Largest(numbers).Select(share => new NumberShare { Number = share.Key, Counters = share.Counters });

    private static IEnumerable<(uint Key, Counters Counters)> Largest(Dictionary<uint, (double Packets, double Bytes)> amounts) =>
        amounts.OrderByDescending(amount => amount.Value.Packets).ThenByDescending(amount => amount.Value.Bytes).Take(MostListed).Select(amount =>
        {
            var counters = new Counters();
            Count(counters, amount.Value.Packets, amount.Value.Bytes / amount.Value.Packets);
            return (amount.Key, counters);
        });

    private ByteString Peer(uint address) => ByteString.CopyFrom(
        [.. _world.IsV6 ? (byte[])[0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] : [], (byte)(address >> 24), (byte)(address >> 16), (byte)(address >> 8), (byte)address]);

    private ByteString Address(int host) => _world.IsV6
        ? ByteString.CopyFrom(0x20, 0x01, 0x0d, 0xb8, 0, (byte)(host >> 8), 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)host)
        : ByteString.CopyFrom(203, 0, (byte)(113 + (host >> 8)), (byte)host);

    private static void Count(Counters counters, double packets, double bytes)
    {
        counters.Packets += (ulong)packets;
        counters.Bytes += (ulong)(packets * bytes);
        counters.Flows += 1;
    }

    /// <summary>As ingestion counts.</summary>
    private static Vector[] VectorsOf(PacketKind kind) => kind switch
    {
        PacketKind.Tcp or PacketKind.TcpOut => [Vector.TcpAck, Vector.TcpFinless],
        PacketKind.Syn => [Vector.TcpSyn],
        PacketKind.Udp => [Vector.Udp],
        PacketKind.DnsAnswer => [Vector.Udp, Vector.Dns],
        PacketKind.NtpAnswer => [Vector.Udp, Vector.Ntp],
        PacketKind.CldapAnswer => [Vector.Udp, Vector.Cldap],
        PacketKind.SsdpAnswer => [Vector.Udp, Vector.Ssdp],
        PacketKind.MemcachedAnswer => [Vector.Udp, Vector.Memcached],
        PacketKind.Icmp => [Vector.Icmp],
        PacketKind.Fragment => [Vector.Udp, Vector.Fragment],
        PacketKind.Gre => [Vector.Gre],
        PacketKind.SynAck => [Vector.TcpSynAck],
        PacketKind.Rst => [Vector.TcpRst],
        PacketKind.TcpNull => [Vector.TcpNull],
        PacketKind.OtherAnswer => [Vector.Udp, Vector.OtherAmplification],
        PacketKind.TcpOdd => [Vector.TcpInvalid],
        PacketKind.Other => [Vector.Other],
        _ => throw new UnreachableException(string.Create(CultureInfo.InvariantCulture, $"{kind} is no kind of packet.")),
    };

    /// <summary>Packets and bytes by a number.</summary>
    private sealed class Numbers : Dictionary<uint, (double Packets, double Bytes)>;
}

/// <summary>
/// A detector as simple as they come: the object's mean over the last five whole seconds, looked at each second, against a number. An alarm ends after 30
/// quiet seconds.
/// </summary>
internal abstract class SimpleDetector
{
    private const int Window = 5;
    private const double Quiet = 30;
    private readonly Queue<(double At, double[] Values)> _last = [];
    private readonly List<Alarm> _alarms = [];
    private double _quietAt = double.MinValue;

    public IReadOnlyList<Alarm> Alarms => _alarms;

    /// <param name="until">End of the second.</param>
    /// <param name="values">Packets, bits, UDP, ICMP and SYN packets of the object.</param>
    public void Look(double until, double[] values)
    {
        _last.Enqueue((until, values));
        while (_last.Peek().At <= until - Window)
        {
            _last.Dequeue();
        }

        if (_last.Count < Window)
        {
            return;
        }

        var mean = Enumerable.Range(0, values.Length).Select(i => _last.Average(second => second.Values[i])).ToArray();
        if (IsOver(until, mean))
        {
            if (until > _quietAt)
            {
                _alarms.Add(new Alarm(until, null));
            }

            _quietAt = until + Quiet;
        }
    }

    protected abstract bool IsOver(double at, double[] mean);
}

/// <summary>Fixed thresholds: packets and bits may be twice the highest five seconds of the first day.</summary>
internal sealed class FixedThresholds : SimpleDetector
{
    private readonly double[] _highest = new double[2];

    protected override bool IsOver(double at, double[] mean)
    {
        var isLearning = at < 86_400;
        for (var i = 0; i < 2; i++)
        {
            _highest[i] = isLearning ? Math.Max(_highest[i], mean[i]) : _highest[i];
        }

        return !isLearning && (mean[0] > 2 * _highest[0] || mean[1] > 2 * _highest[1]);
    }
}

/// <summary>Mean plus three standard deviations of everything that was seen in about a week, from the second day on.</summary>
internal sealed class MeanPlusThreeSigma : SimpleDetector
{
    private const double Memory = 7 * 86_400;
    private readonly double[] _mean = new double[5];
    private readonly double[] _square = new double[5];
    private double _at = double.NaN;

    protected override bool IsOver(double at, double[] mean)
    {
        var share = double.IsNaN(_at) ? 1 : Math.Max(1 - Math.Exp(-(at - _at) / Memory), 1 / (1 + (at / (at - _at))));
        _at = at;
        var isOver = false;
        for (var i = 0; i < mean.Length; i++)
        {
            var sigma = Math.Sqrt(Math.Max(0, _square[i] - (_mean[i] * _mean[i])));
            isOver |= at > 86_400 && mean[i] > _mean[i] + (3 * sigma);
            _mean[i] += (mean[i] - _mean[i]) * share;
            _square[i] += ((mean[i] * mean[i]) - _square[i]) * share;
        }

        return isOver;
    }
}
