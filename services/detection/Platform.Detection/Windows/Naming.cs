using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Whom an anomaly names: what has most of the traffic that is over, wherever it was seen.</summary>
internal static class Naming
{
    /// <summary>So many hosts of a block with anomalies of their own are one attack on the block.</summary>
    private const int SpreadHosts = 8;
    private const double Dominance = 0.6;

    /// <summary>
    /// Whom to name for traffic that is over at this level: the host or block that has most of it, or the target as it stands when none has. Null:
    /// it is part of a wider anomaly that is open.
    /// </summary>
    public static (TargetWatch? Named, string Rule) Of(
        ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, Verdict verdict)
    {
        if (target.Level is WatchLevel.Host)
        {
            var block = target.Block!;
            if (block.IsCovered || on.Whole.IsCovered)
            {
                var together = (block.IsCovered ? block : on.Whole).Lately(second)[TrafficVector.Total];
                var standsOut = block.CoveredHosts < SpreadHosts && whole.Total.Packets * 2 >= together.Packets;
                return standsOut ? (target, verdict.Rule) : (null, "");
            }

            return block.CoveredHosts >= SpreadHosts && on.Object.Holds(block.Target) ? (block, "spread") : (target, verdict.Rule);
        }

        if (target.Level is WatchLevel.Prefix && on.Whole.IsCovered && !StandsOut(on.Whole, target, second))
        {
            return (null, "");
        }

        var first = verdict.Over[0];
        var unit = first.UnitOver();
        var since = second - 2; // a share of one second may be few sampled packets
        var beyond = target.Lately(since)[first.Vector][unit] - (Usual(first, unit) * 3);
        TargetWatch? most = null;
        var mostAmount = 0L;
        foreach (var part in target.Level is WatchLevel.Object ? on.Blocks.Values.Concat(on.Hosts.Values) : on.Hosts.Values)
        {
            if (!part.IsCovered && (target.Level is WatchLevel.Object || part.Block == target) && part.Block?.IsCovered != true
                && on.Object.Holds(part.Target))
            {
                var amount = part.Lately(since)[first.Vector][unit];
                if (amount > mostAmount || (amount == mostAmount && part.Level is WatchLevel.Host))
                {
                    (most, mostAmount) = (part, amount);
                }
            }
        }

        if (target.Level is WatchLevel.Object && most?.Level is WatchLevel.Prefix)
        {
            // A block has always at least what its busiest host has: the host is named when it has nearly all of it.
            var host = on.Hosts.Values.Where(part => part.Block == most && !part.IsCovered)
                .MaxBy(part => part.Lately(since)[first.Vector][unit]);
            if (host is not null && host.Lately(since)[first.Vector][unit] >= Dominance * beyond)
            {
                return (host, verdict.Rule);
            }
        }

        if (target != on.Whole && !on.Object.Holds(target.Target))
        {
            return (most, verdict.Rule); // a block of single addresses is nobody's prefix: it is the busiest of them
        }

        return most is not null && mostAmount >= Dominance * beyond ? (most, verdict.Rule) : (target, verdict.Rule);
    }

    /// <summary>An object's anomaly has a prefix as its part, unless it is about another one and this has most of the traffic.</summary>
    private static bool StandsOut(TargetWatch whole, TargetWatch block, long second)
    {
        return whole.Episode!.State.Open is { } open && open.Target != block.Target.ToNetwork()
            && Before(block) > 0 && Before(block) >= Dominance * Before(whole);

        // Of this second the whole does not have everything yet.
        long Before(TargetWatch target) => target.Lately(second - 3)[TrafficVector.Total].Packets - target.At(second).Total.Packets;
    }

    /// <summary>What the wider level may have for as long as it likes.</summary>
    public static Hold HoldOf(TargetWatch wide, LevelRules rules, Verdict verdict)
    {
        var over = verdict.Over[0];
        var unit = over.UnitOver();
        var set = (unit is TrafficUnit.Bits ? over.ThresholdBitsPerSecond
            : unit is TrafficUnit.Packets ? over.ThresholdPacketsPerSecond : over.ThresholdFlowsPerSecond) ?? 0;
        var learned = rules.Learned.Thresholds.FirstOrDefault(threshold => threshold.Vector == over.Vector && threshold.Unit == unit);
        return new(wide, over.Vector, unit, learned is null ? set : Math.Min(set, (long)learned.Rate));
    }

    private static long Usual(VectorMeasurement over, TrafficUnit unit) =>
        (unit is TrafficUnit.Bits ? over.BaselineBitsPerSecond : unit is TrafficUnit.Packets ? over.BaselinePacketsPerSecond : null) ?? 0;
}
