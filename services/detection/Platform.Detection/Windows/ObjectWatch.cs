using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What a judge keeps of one protected object in one direction: its targets at every level, its rules at this hour, and the seconds that learning waits for.</summary>
internal sealed class ObjectWatch
{
    private const double LeastShare = 0.1; // a prefix with less of an anomaly is not named
    private const int MostPrefixes = 5;
    private const int RateMemory = 600; // seconds
    private const int Unclear = 60; // seconds around the beginning of an anomaly: they have something of it
    private const double LeastRest = 0.5;
    private const int LongestSilence = 600; // seconds; of longer ones nothing is learned
    private readonly LevelRules[] _rules = new LevelRules[3];
    private readonly PendingSecond[] _pending;
    private readonly int _latenessSeconds;
    private WatchedObject _object;
    private int _hour = -1;
    private long _edition = -1;
    private long _grain;
    private long _rateAt;
    private long _newest = long.MinValue / 2;
    private long _unclearUntil = long.MinValue;
    private long _known; // from this second on, what did not come was not there

    public ObjectWatch(WatchedObject watched, TrafficDirection direction, ObjectBaseline baseline, int latenessSeconds, double lowShare)
    {
        (_object, Direction, Baseline, _latenessSeconds) = (watched, direction, baseline, latenessSeconds);
        _pending = new PendingSecond[latenessSeconds + 2];
        Lag = new ReportingLag(latenessSeconds);
        Whole = new TargetWatch(default, WatchLevel.Object);
        Compile(lowShare);
    }

    public WatchedObject Object => _object;

    public TrafficDirection Direction { get; }

    public ObjectBaseline Baseline { get; private set; }

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

    public LevelRules Rules(WatchLevel level) => _rules[(int)level];

    /// <summary>Follows a change of the object, and the hours.</summary>
    public void Follow(WatchedObject watched, long second, double lowShare)
    {
        var hour = Baseline.Hours.Of(second);
        if (watched.Learning.Zone != _object.Learning.Zone)
        {
            Baseline = new ObjectBaseline(watched.Hours); // hours of another calendar say nothing about this one's
        }

        if (!ReferenceEquals(watched, _object) || hour != _hour || Baseline.Edition != _edition || Grain != _grain)
        {
            (_object, _hour, _edition, _grain) = (watched, hour, Baseline.Edition, Grain);
            Compile(lowShare);
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

    /// <summary>An anomaly opens: the seconds around have something of it.</summary>
    public void Cloud(long now) => _unclearUntil = Math.Max(_unclearUntil, now + Unclear);

    /// <summary>What a second says of what is usual, or is used, cannot be told from an anomaly.</summary>
    public bool IsUnclear(long second) => second <= _unclearUntil || Whole.IsCovered;

    /// <summary>A host; null when it is new and there are so many already.</summary>
    public TargetWatch? Host(NetworkKey address, int most)
    {
        if (!Hosts.TryGetValue(address, out var host) && Hosts.Count < most && Block(address, most) is { } block)
        {
            Hosts.Add(address, host = new TargetWatch(address, WatchLevel.Host, block));
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

    /// <summary>Takes in what all hosts, and the busiest of them, had; gives seconds that are over to learning, unless there is an anomaly.</summary>
    /// <param name="thereSince">
    /// Since when telemetry is there: a second without a packet is a second with none. Without these, few sampled packets would look like many.
    /// </param>
    /// <param name="isCovered">It belongs to an anomaly, and is no part of what is usual; re-learning counts it.</param>
    public void Note(
        long second, in SecondTraffic increment, in SecondTraffic host, in SecondTraffic block, bool isCovered, DateTimeOffset thereSince)
    {
        if (second > _newest)
        {
            _known = second - _newest > LongestSilence ? second : Math.Max(_known, thereSince.ToUnixTimeSeconds());
            for (var over = Math.Max(_newest, second - LongestSilence) - _latenessSeconds; over < second - _latenessSeconds; over++)
            {
                Close(over);
            }

            _newest = second;
        }

        ref var pending = ref Pending(second);
        if (pending.Second != second)
        {
            if (pending.Second > second)
            {
                return; // over and learned
            }

            (pending.Second, pending.HasRest) = (second, false);
            pending.All.Clear();
            pending.Rest.Clear();
        }

        pending.All.Note(increment, host, block);
        pending.All.Block.RaiseTo(host); // of a host with an anomaly of its own the block knows nothing
        if (!isCovered)
        {
            pending.HasRest = true;
            pending.Rest.Note(increment, host, block);
        }
    }

    /// <summary>What an anomaly of the whole object may be about instead: its blocks, and the hosts of blocks that are not all its own.</summary>
    public IEnumerable<TargetWatch> Parts() => Blocks.Values.Where(block => _object.Holds(block.Target))
        .Concat(Hosts.Values.Where(host => !_object.Holds(host.Block!.Target) && !host.Block.IsCovered && _object.Holds(host.Target)))
        .Where(part => !part.IsCovered);

    /// <summary>The target as anomalies name it: of the whole object the prefixes that have most of what is new and of no anomaly of their own, greatest first.</summary>
    public IReadOnlyList<IPNetwork> NetworksOf(TargetWatch target, long second)
    {
        if (target != Whole)
        {
            return [target.Target.ToNetwork()];
        }

        var since = second - 2; // a share of one second may be few sampled packets
        var parts = Growth.Of(Parts(), since, TrafficVector.Total, TrafficUnit.Packets, Grain).Parts
            .GroupBy(grown => _object.PrefixOf(grown.Part.Target))
            .Select(same => (Prefix: same.Key, By: same.Sum(grown => grown.By)))
            .OrderByDescending(prefix => prefix.By)
            .ToArray();
        var least = parts.Sum(prefix => prefix.By) * LeastShare;
        return parts.Length == 0
            ? [_object.PrefixOf(Blocks.Keys.FirstOrDefault(Whole.Target)).ToNetwork()]
            : [.. parts.Where((prefix, position) => position == 0 || prefix.By >= least).Take(MostPrefixes).Select(prefix => prefix.Prefix.ToNetwork())];
    }

    private void Close(long second)
    {
        ref var pending = ref Pending(second);
        var isThere = pending.Second == second;
        if (isThere || second >= _known)
        {
            var all = isThere ? pending.All : default;
            History.Observe(second, all.Whole, all.Host, all.Block, Open.Count > 0, Math.Max(1, Grain));
        }

        var hasRest = isThere && pending.HasRest;
        if (!hasRest && second < _known)
        {
            return;
        }

        var rest = hasRest ? pending.Rest : default;
        if (IsUnclear(second) || (Open.Count > 0 && rest.Whole.Total.Packets < LeastRest * Rules(WatchLevel.Object).Learned.Expected.Total.Packets))
        {
            Baseline.Refuse();
        }
        else
        {
            Baseline.Observe(second, rest.Whole, rest.Host, rest.Block);
        }
    }

    private ref PendingSecond Pending(long second) => ref _pending[(int)((second % _pending.Length + _pending.Length) % _pending.Length)];

    private void Compile(double lowShare)
    {
        foreach (var level in (WatchLevel[])[WatchLevel.Host, WatchLevel.Prefix, WatchLevel.Object])
        {
            var learned = _hour >= 0 && Direction is TrafficDirection.In && _object.Learning.Mode is LearningMode.Apply
                ? Baseline.Compile(level, _hour, _object.Learning, Math.Max(1, Grain)).AtLeast(_object.Settings?.Floors ?? [], level)
                : LearnedLevel.Nothing;
            _rules[(int)level] = new LevelRules(
                _object.Thresholds.Where(threshold => threshold.Level == level && threshold.Direction == Direction),
                learned,
                lowShare,
                _object.Settings?.Profile is null ? null : Grain,
                _object.Settings?.DeclaredBitsPerSecond ?? 0);
        }
    }

    private struct PendingSecond
    {
        public long Second;
        public bool HasRest;
        public LevelTraffic All; // evidence of what a threshold would have done
        public LevelTraffic Rest; // what has no anomaly, and may teach what is usual
    }

    private struct LevelTraffic
    {
        public SecondTraffic Whole;
        public SecondTraffic Host;
        public SecondTraffic Block;

        public void Note(in SecondTraffic increment, in SecondTraffic host, in SecondTraffic block)
        {
            Whole.Add(increment);
            Host.RaiseTo(host);
            Block.RaiseTo(block);
        }

        public void Clear()
        {
            Whole.Clear();
            Host.Clear();
            Block.Clear();
        }
    }
}
