using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What a judge keeps of one protected object in one direction: its targets at every level, and its rules at this hour.</summary>
internal sealed class ObjectWatch
{
    private const int FewPackets = 4; // sampled ones: fewer are of some host by chance
    private const double NearlyAll = 0.9; // what has the rest of an anomaly is not named
    private const int RateMemory = 600; // seconds
    private const int Complete = 3; // seconds
    private const double LeastChance = 0.1;
    private readonly int _lateness;
    private readonly LevelRules[] _rules = new LevelRules[3];
    private readonly Dictionary<(WatchLevel Level, ulong Marks), LevelRules> _marked = []; // of those that have floors out of false anomalies at this hour
    private (NetworkKey? Target, IReadOnlyList<Threshold> Least)[] _marks = [];
    private double _lowShare;
    private WatchedObject _object;
    private int _hour = -1;
    private long _edition = -1;
    private long _grain;
    private long _rateAt;
    private (long Batch, Served All, Amount AllOf, Served Theirs, Amount TheirOf, Served Served, Amount Of) _others;

    public ObjectWatch(WatchedObject watched, TrafficDirection direction, ObjectBaseline baseline, int latenessSeconds, double lowShare)
    {
        (_object, Direction, Baseline) = (watched, direction, baseline);
        baseline.Ground = watched.LearningGround;
        _lateness = latenessSeconds;
        Seconds = new ObjectSeconds(this, latenessSeconds);
        Lag = new ReportingLag(latenessSeconds);
        Whole = new TargetWatch(default, WatchLevel.Object);
        Compile(lowShare);
    }

    public WatchedObject Object => _object;

    public TrafficDirection Direction { get; }

    public ObjectBaseline Baseline { get; private set; }

    /// <summary>The last seconds, until learning has them.</summary>
    public ObjectSeconds Seconds { get; }

    /// <summary>Minutes, beside what the contract declares.</summary>
    public DeclaredUse Use { get; } = new();

    /// <summary>How long it takes until a second's traffic has come.</summary>
    public ReportingLag Lag { get; }

    /// <summary>Minutes, for re-learning.</summary>
    public TrafficHistory History { get; } = new();

    public Dictionary<NetworkKey, TargetWatch> Hosts { get; } = [];

    public Dictionary<NetworkKey, TargetWatch> Blocks { get; } = [];

    /// <summary>All hosts together, but for those that have an anomaly of their own.</summary>
    public TargetWatch Whole { get; }

    /// <summary>Targets with an open anomaly, or one that is being opened.</summary>
    public HashSet<TargetWatch> Open { get; } = [];

    /// <summary>Packets that one reported packet stands for, of the coarsest exporter of the last minutes; 0: ingestion does not say.</summary>
    public long Grain { get; private set; }

    /// <summary>Batches that were judged: sketches and windows of one are about the same packets.</summary>
    public long Batches { get; set; }

    /// <summary>What of other hosts' traffic than those with sketches came from ports of services, in this batch.</summary>
    public Served ServedOfOthers(Amount amount) => _others.Batch == Batches ? _others.Served.Part(_others.Of, amount) : default;

    /// <summary>A sketch of this batch, of the object or one of its hosts: what no host's sketch has is of the others.</summary>
    public void NoteServed(TrafficSketch sketch)
    {
        var (served, of) = _others.Batch == Batches ? (_others.All, _others.AllOf) : default;
        var (theirs, theirOf) = _others.Batch == Batches ? (_others.Theirs, _others.TheirOf) : default;
        var amount = new Amount((long)(sketch.Total?.Bytes ?? 0) * 8, (long)(sketch.Total?.Packets ?? 0));
        if (sketch.Host.IsEmpty)
        {
            (served, of) = (served + Served.In(sketch), of + amount);
        }
        else
        {
            (theirs, theirOf) = (theirs + Served.In(sketch), theirOf + amount);
        }

        _others = (Batches, served, of, theirs, theirOf, served - theirs, of - theirOf);
    }

    /// <summary>The rules of a level, of targets that nobody has called a false anomaly's at this hour.</summary>
    public LevelRules Rules(WatchLevel level) => _rules[(int)level];

    /// <summary>The rules of a target at this hour.</summary>
    public LevelRules Rules(TargetWatch target)
    {
        var marks = 0ul;
        for (var i = 0; i < _marks.Length; i++)
        {
            marks |= target.Level is WatchLevel.Object || _marks[i].Target is not { } its || its.Contains(target.Target) || target.Target.Contains(its) ? 1ul << i : 0;
        }

        if (marks == 0)
        {
            return _rules[(int)target.Level];
        }

        if (!_marked.TryGetValue((target.Level, marks), out var rules))
        {
            _marked.Add((target.Level, marks), rules = Compile(target.Level, [.. _marks.Where((_, i) => (marks >> i & 1) != 0).SelectMany(mark => mark.Least)]));
        }

        return rules;
    }

    /// <summary>Follows a change of the object, and the hours.</summary>
    public void Follow(WatchedObject watched, long second, double lowShare)
    {
        var hour = Baseline.Hours.Of(second);
        var isRegrouped = !ReferenceEquals(watched, _object) && watched.Ground != _object.Ground;
        if (!ReferenceEquals(watched, _object)
            && (watched.LearningGround != _object.LearningGround || watched.Learning.Zone != _object.Learning.Zone))
        {
            // Hours of another calendar say nothing about this one's, what other addresses had is nothing that these may have, and somebody may want it forgotten.
            Baseline = new ObjectBaseline(watched.Hours, after: second + _lateness) { Ground = watched.LearningGround }; // until then something of before may come
        }

        if (!ReferenceEquals(watched, _object) || hour != _hour || Baseline.Edition != _edition || Grain != _grain)
        {
            (_object, _hour, _edition, _grain) = (watched, hour, Baseline.Edition, Grain);
            Compile(lowShare);
        }

        if (isRegrouped)
        {
            Regroup();
        }
    }

    /// <summary>
    /// Hosts are judged with the blocks of the prefixes that the object has now: with one of before, of which a part may be another's, none would be named. An
    /// anomaly of a block that is none any more ends by silence.
    /// </summary>
    private void Regroup()
    {
        foreach (var block in Blocks.Values)
        {
            block.Empty();
        }

        foreach (var host in Hosts.Values)
        {
            host.Regroup(Block(host.Target, int.MaxValue)!);
        }

        foreach (var (network, block) in Blocks)
        {
            if (block.Hosts.Count == 0 && !block.IsCovered)
            {
                Blocks.Remove(network); // what it had lately is in others now, as far as it is the object's
            }
        }
    }

    /// <summary>Ingestion says how coarsely the object's traffic is sampled; a finer rate counts when the coarser one was not heard of for minutes.</summary>
    public void Sample(uint rate, long second)
    {
        if (rate >= Grain || second - _rateAt > RateMemory)
        {
            (Grain, _rateAt) = (rate, second);
        }
    }

    /// <summary>A host; null when it is new and there are so many already.</summary>
    public TargetWatch? Host(NetworkKey address, int most)
    {
        if (!Hosts.TryGetValue(address, out var host) && Hosts.Count < most && Block(address, most) is { } block)
        {
            Hosts.Add(address, host = new TargetWatch(address, WatchLevel.Host, block));
            block.Hosts.Add(host);
        }

        return host;
    }

    /// <summary>The block of a host; null when it is new and there are so many already.</summary>
    public TargetWatch? Block(NetworkKey address, int most)
    {
        var network = _object.BlockOf(address);
        if (!Blocks.TryGetValue(network, out var block) && Blocks.Count < most)
        {
            Blocks.Add(network, block = new TargetWatch(network, WatchLevel.Prefix));
        }

        return block;
    }

    /// <summary>What an anomaly of the whole object may be about instead: its blocks, and the hosts of blocks that are not all its own.</summary>
    public IEnumerable<TargetWatch> Parts() => Blocks.Values
        .Where(block => !block.IsCovered)
        .SelectMany(block => _object.Holds(block.Target) ? [block] : block.Looked.Where(host => !host.IsCovered && _object.Holds(host.Target)));

    /// <summary>
    /// The target as anomalies name it: of the whole object the prefixes that together have nearly all of what is new and of no anomaly of their own, greatest
    /// first.
    /// </summary>
    public IReadOnlyList<IPNetwork> NetworksOf(TargetWatch target, long second)
    {
        if (target != Whole)
        {
            return [target.Target.ToNetwork()];
        }

        var since = second - 2; // a share of one second may be few sampled packets
        var parts = Growth.Of(Parts(), since, new AskedTraffic(TrafficVector.Total, TrafficUnit.Packets, Grain)).Parts
            .GroupBy(grown => _object.PrefixOf(grown.Part.Target))
            .Select(same => (Prefix: same.Key, By: same.Sum(grown => grown.By)))
            .OrderByDescending(prefix => prefix.By)
            .ToArray();
        var (left, named) = (parts.Sum(prefix => prefix.By) * NearlyAll, 0);
        while (named < parts.Length && (named == 0 || left > 1e-6))
        {
            left -= parts[named++].By;
        }

        return parts.Length == 0
            ? [_object.PrefixOf(Blocks.Keys.Concat(Hosts.Keys).FirstOrDefault(_object.Holds, Whole.Target)).ToNetwork()]
            : [.. parts.Take(named).Select(prefix => prefix.Prefix.ToNetwork())];
    }

    /// <summary>
    /// What an anomaly that is wider than its target is spread over: the blocks that together have nearly all of what is new, greatest first, each as its one host
    /// where that has nearly all of it. Null: it is of its target alone.
    /// </summary>
    public IReadOnlyList<PrefixShare>? SpreadOf(TargetWatch target, long second)
    {
        var joined = target.Episode!.Joined;
        var isWhole = target == Whole || joined.Contains(Whole);
        if (!isWhole && joined.Count == 0)
        {
            return null;
        }

        TargetWatch[] wide = [.. joined.Where(one => one != Whole && _object.Holds(one.Target))];
        var single = joined.Where(one => one != Whole && !_object.Holds(one.Target)).SelectMany(one => one.Looked).Where(host => host != target && _object.Holds(host.Target));
        var parts = Shares([.. target == Whole ? [] : (TargetWatch[])[target], .. wide, .. single, .. isWhole ? Parts() : []])
            .GroupBy(one => one.Part.Block is { } block && wide.Contains(block) ? block : one.Part)
            .Select(same => (Part: same.Key, By: same.Sum(one => one.By)))
            .OrderByDescending(one => one.By)
            .ToArray();
        var (all, told, named) = (parts.Sum(one => one.By), 0.0, 0);
        while (named < Math.Min(parts.Length, PrefixShare.Most) && told < all * NearlyAll)
        {
            told += parts[named++].By;
        }

        return named == 0 ? null : [.. parts.Take(named).Select(one => new PrefixShare(NameOf(one.Part).ToNetwork(), Math.Round(one.By / all, 3)))];

        NetworkKey NameOf(TargetWatch part)
        {
            var within = Shares(part.Looked.Where(host => _object.Holds(host.Target)));
            var all = part.HasMany ? Shares([part]).Sum(one => one.By) : within.Sum(one => one.By);
            var (most, by) = within.OrderByDescending(one => one.By).FirstOrDefault();
            return Rotation.Of(part) is null && by > 0 && by >= NearlyAll * all && most.PacketsSince(second - Complete) >= FewPackets * Grain ? most.Target : part.Target;
        }

        // Who was not seen before had nothing before. Of this second the rest may be still to come, the three before it have it all.
        IReadOnlyList<(TargetWatch Part, double By)> Shares(IEnumerable<TargetWatch> of)
        {
            var had = of.Select(part => (Part: part, Now: (double)part.At(second).Total.Packets, Lately: (double)part.PacketsSince(second - Complete))).ToArray();
            (TargetWatch Part, double By)[] grown = [.. had.Select(one => (one.Part, By: Math.Max(Beyond(one.Part, one.Now, 1), Beyond(one.Part, one.Lately - one.Now, Complete)))).Where(one => one.By > 0)];
            return grown.Length > 0 ? grown : [.. had.Select(one => (one.Part, By: one.Now)).Where(one => one.By > 0)];
        }

        double Beyond(TargetWatch part, double packets, int seconds)
        {
            var usual = seconds * part.Before(TrafficUnit.Packets);
            var chance = usual > 0 ? Math.Clamp(Math.Sqrt(Math.Max(1, Grain) / usual), LeastChance, 1) : 0;
            return Math.Max(0, packets - (usual * (1 + chance))) / seconds;
        }
    }

    private void Compile(double lowShare)
    {
        _lowShare = lowShare;
        _marked.Clear();
        _marks =
        [
            .. from mark in _hour < 0 ? [] : _object.Settings?.Marked ?? []
               where mark.Hours(Baseline.Hours).Has(_hour)
               select (mark.Target is { } target ? NetworkKey.Of(target) : (NetworkKey?)null, mark.Least),
        ];
        foreach (var level in (WatchLevel[])[WatchLevel.Host, WatchLevel.Prefix, WatchLevel.Object])
        {
            _rules[(int)level] = Compile(level, marked: []);
        }
    }

    private LevelRules Compile(WatchLevel level, IReadOnlyList<Threshold> marked) => _object.RulesAt(level, Direction, _hour, Baseline, marked, Grain, _lowShare);
}
