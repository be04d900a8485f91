using System.Numerics;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// The last seconds of an object, until all of them has come: then re-learning is given everything, and learning what belongs to no anomaly. What turns out
/// to belong to one is taken out again, and nothing else: an object of which some host is always under attack learns like any other.
/// </summary>
internal sealed class ObjectSeconds(ObjectWatch on, int latenessSeconds)
{
    private const double LeastRest = 0.5; // of the usual: less beside an anomaly is no ordinary traffic
    private const int LongestSilence = 600; // seconds; of longer ones nothing is learned
    private readonly PendingSecond[] _pending = new PendingSecond[latenessSeconds + 2];
    private readonly List<(TargetWatch Target, long Seconds)> _opened = [];
    private long _newest = long.MinValue / 2;
    private long _known; // from this second on, what did not come was not there
    private (long From, long Until) _knownBefore; // and between these, before telemetry was missing

    /// <summary>An anomaly opens.</summary>
    /// <param name="target">Whose traffic is none of the object's any more.</param>
    /// <param name="seconds">For so long it may have had more than usual.</param>
    public void Opens(TargetWatch target, long seconds)
    {
        if (on.Direction is TrafficDirection.In)
        {
            _opened.Add((target, seconds));
        }
    }

    /// <summary>Takes in what all hosts, and the busiest of them, had; gives seconds that are over to learning.</summary>
    /// <param name="thereSince">
    /// Since when telemetry is there: a second without a packet is a second with none. Without these, few sampled packets would look like many.
    /// </param>
    /// <param name="goneAt">Until when it was there before.</param>
    /// <param name="isCovered">It belongs to an anomaly that was open before, and is no part of what is usual; re-learning counts it.</param>
    public void Note(
        long second, in SecondTraffic increment, in SecondTraffic host, in SecondTraffic block, bool isCovered, DateTimeOffset thereSince, DateTimeOffset goneAt)
    {
        if (second > _newest)
        {
            var begins = second - _newest > LongestSilence; // of what was before nothing is known, whatever telemetry there was
            var known = begins ? second : Math.Max(_known, thereSince.ToUnixTimeSeconds());
            _knownBefore = begins ? default : known > _known ? (_known, goneAt.ToUnixTimeSeconds()) : _knownBefore;
            _known = known;
            for (var over = Math.Max(_newest, second - LongestSilence) - latenessSeconds; over < second - latenessSeconds; over++)
            {
                Close(over);
            }

            _newest = second;
        }

        ref var pending = ref Pending(second);
        if (pending.Second < second)
        {
            pending.Begin(second);
        }

        if (pending.Second == second) // else it is over and learned
        {
            pending.All.Note(increment, host, block);
            pending.All.Block.RaiseTo(host); // of a host with an anomaly of its own the block knows nothing
            if (!isCovered)
            {
                pending.HasRest = true;
                pending.Rest.Note(increment, host, block);
                pending.LateBits += second / 60 < on.Use.Minute ? increment.Total.Bits : 0;
            }
        }
    }

    /// <summary>Takes out what belongs to anomalies that opened. Each before the next one opens: what it was a part of is known until then.</summary>
    public void TakeOutWhatOpened()
    {
        foreach (var (target, seconds) in _opened)
        {
            TakeOut(target, seconds);
        }

        _opened.Clear();
    }

    /// <summary>What a target had in these seconds was counted and belongs to its anomaly; what came of it before them goes with its minutes.</summary>
    private void TakeOut(TargetWatch target, long seconds)
    {
        foreach (ref var pending in _pending.AsSpan())
        {
            var theirs = target.At(pending.Second);
            if (!pending.HasRest || theirs.Total == default)
            {
                continue;
            }

            var block = theirs.Copy();
            if (target.Block is { } wide)
            {
                block.Add(wide.At(pending.Second)); // it was a part of it until now
            }

            pending.IsHostKnown &= !Reaches(theirs, pending.Rest.Host);
            pending.IsBlockKnown &= !Reaches(block, pending.Rest.Block);
            pending.Rest.Whole.Subtract(theirs);
            pending.HasRest = pending.Rest.Whole.Total != default;
            on.Use.TakeOut(pending.Second / 60 < on.Use.Minute ? Math.Min(theirs.Total.Bits, pending.LateBits) : theirs.Total.Bits);
        }

        if (seconds > latenessSeconds)
        {
            on.Baseline.Refuse();
            on.Use.Refuse();
        }
    }

    /// <summary>Whether the busiest may have been this one, in any respect.</summary>
    private static bool Reaches(in SecondTraffic part, in SecondTraffic busiest)
    {
        var reaches = IsNoLess(part.Total, busiest.Total);
        for (var mask = part.Mask; mask != 0 && !reaches; mask &= mask - 1)
        {
            var vector = (TrafficVector)(BitOperations.TrailingZeroCount(mask) + (int)TrafficVector.Udp);
            reaches = IsNoLess(part[vector], busiest[vector]);
        }

        return reaches;

        static bool IsNoLess(Amount part, Amount busiest) =>
            (part.Packets > 0 && part.Packets >= busiest.Packets) || (part.Bits > 0 && part.Bits >= busiest.Bits);
    }

    private void Close(long second)
    {
        ref var pending = ref Pending(second);
        var isThere = pending.Second == second;
        if (!isThere && second < _known && (second < _knownBefore.From || second >= _knownBefore.Until))
        {
            return;
        }

        var all = isThere ? pending.All : default;
        on.History.Observe(second, all.Whole, all.Host, all.Block, on.Open.Count > 0, Math.Max(1, on.Grain));
        var rest = isThere && pending.HasRest ? pending.Rest : default;
        var least = on.Open.Count > 0 ? LeastRest * on.Rules(WatchLevel.Object).Learned.Expected.Total.Packets : 0;
        if (on.Whole.IsCovered || rest.Whole.Total.Packets < least)
        {
            on.Baseline.Refuse();
        }
        else if (!isThere)
        {
            on.Baseline.Observe(second, default, default, default);
        }
        else if (pending.HasRest)
        {
            on.Baseline.Observe(second, rest.Whole, rest.Host, rest.Block, pending.IsHostKnown, pending.IsBlockKnown);
        }
    }

    private ref PendingSecond Pending(long second) => ref _pending[(int)((second % _pending.Length + _pending.Length) % _pending.Length)];

    private struct PendingSecond
    {
        public long Second;
        public bool HasRest;
        public bool IsHostKnown;
        public bool IsBlockKnown;
        public long LateBits; // of the rest, that came when its minute was over
        public LevelTraffic All; // evidence of what a threshold would have done
        public LevelTraffic Rest; // what has no anomaly, and may teach what is usual

        public void Begin(long second)
        {
            (Second, HasRest, IsHostKnown, IsBlockKnown, LateBits) = (second, false, true, true, 0);
            All.Clear();
            Rest.Clear();
        }
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
