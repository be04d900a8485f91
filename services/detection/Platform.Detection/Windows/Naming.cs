using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Whom an anomaly names: what has most of what is new, wherever it was seen. Who was always busy is not named for it.</summary>
internal static class Naming
{
    /// <summary>More hosts of a block that are over are one attack on the block.</summary>
    public const int SpreadHosts = 8;
    private const int ManyHosts = 5; // as alike as it is spread
    private const int LongestLook = 12; // seconds; no more are kept by default

    /// <summary>
    /// Whom to name for traffic that is over at this level: the host or block that has most of it, or the target as it stands when none has. Null:
    /// it is part of a wider anomaly that is open.
    /// </summary>
    public static (TargetWatch? Named, string Rule) Of(
        ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, Verdict verdict, OverTogether batch)
    {
        if (IsInside(on, target, second, whole, verdict))
        {
            return (null, "");
        }

        if (target.Level is WatchLevel.Host)
        {
            var block = target.Block!;
            return !block.IsCovered && !on.Whole.IsCovered && batch.AreManyOver(block) && on.Object.Holds(block.Target)
                ? (block, RuleName.Spread) : (target, verdict.Rule);
        }

        var asked = Asked(on, verdict.Over[0]);
        var growth = target.Level is WatchLevel.Object ? Grown(on.Parts()) : OfHosts(target);
        if (growth.Leader() is { } leader)
        {
            return (leader.Level is WatchLevel.Prefix && OfHosts(leader).Leader() is { } host ? host : leader, verdict.Rule);
        }

        // A block of single addresses is nobody's prefix: it is one of them.
        return (target != on.Whole && !on.Object.Holds(target.Target) ? growth.Busiest() : target, verdict.Rule);

        Growth OfHosts(TargetWatch block) =>
            Grown(block.Looked.Where(host => !host.IsCovered && !block.IsCovered && on.Object.Holds(host.Target)), block.HasMany ? block : null);

        Growth Grown(IEnumerable<TargetWatch> parts, TargetWatch? of = null) => Naming.Grown(on, parts, second, asked, of);
    }

    /// <summary>The wider target around it that has an anomaly; null: none has.</summary>
    public static TargetWatch? Around(ObjectWatch on, TargetWatch target) =>
        target.Block is { IsCovered: true } block ? block : target != on.Whole && on.Whole.IsCovered ? on.Whole : null;

    /// <summary>
    /// Whether it is part of a wider anomaly that is open. A host is not while few of its block have anomalies of their own, and it is over what is set or guessed
    /// for hosts, of another kind than what the wider anomaly is about, or has half of what is there by itself.
    /// </summary>
    public static bool IsInside(ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, Verdict verdict)
    {
        if (Around(on, target) is not { } wide)
        {
            return false;
        }

        if (target.Block is not { } block || block.CoveredHosts >= SpreadHosts || Rotation.Includes(on, target, wide, second, verdict))
        {
            return true;
        }

        var isOfAnotherKind = verdict.Rule != RuleName.Learned
            && !(wide.Episode!.Home ?? wide).Episode!.Has(verdict.Over) && verdict.Over.All(over => over.Vector is not TrafficVector.Total);
        return !isOfAnotherKind && !(verdict.IsAtOnce && MayStandOut(target, wide, second, whole) && !IsOneOfMany(on, target, second, verdict));
    }

    /// <summary>It has half of what is there, or more.</summary>
    public static bool MayStandOut(TargetWatch host, TargetWatch wide, long second, in SecondTraffic whole) =>
        host.Block!.CoveredHosts < SpreadHosts && whole.Total.Packets * 2 >= wide.PacketsSince(second);

    /// <summary>Whether a host that is over has so little of what is new in its block or object, which are over as well, that those are to be named.</summary>
    public static bool IsPart(ObjectWatch on, TargetWatch target, long second, Verdict verdict, OverTogether batch)
    {
        var asked = Asked(on, verdict.Over[0]);
        return target.Level is WatchLevel.Host && (IsPartOf(target.Block!) || IsPartOf(on.Whole));

        bool IsPartOf(TargetWatch wide) => batch.Has(wide) && Grown(wide) is { IsKnown: true } all
            && (Grown(target) is not { IsKnown: true } its || its.Sum * SpreadHosts < all.Sum);

        Growth Grown(TargetWatch one) => Naming.Grown(on, [one], second, asked);
    }

    /// <summary>
    /// Whether what is new goes to so many hosts of its block that it is the block's, which has an anomaly. Who is over what somebody set for hosts is over, whoever
    /// else is; a guess is less than what is seen. Where nothing is open yet a guess is not waited for either: <see cref="OverTogether.MayWait"/>.
    /// </summary>
    private static bool IsOneOfMany(ObjectWatch on, TargetWatch target, long second, Verdict verdict) =>
        verdict.Rule != RuleName.Set && target.Block is { } block && AreMany(on, block, second, verdict.Over[0].Vector);

    /// <summary>Whether what is new in a block goes to so many of its hosts, whichever of them is asked about.</summary>
    public static bool AreMany(ObjectWatch on, TargetWatch block, long second, TrafficVector vector) => on.Object.Holds(block.Target)
        && Growth.Of(block.Looked, second - LongestLook, Asked(on, vector, TrafficUnit.Packets), block.HasMany ? block : null) is { IsEnough: true } growth
        && growth.Spread(on.Grain) >= ManyHosts;

    /// <summary>A share of one second may be few sampled packets: the seconds before tell more, when they must.</summary>
    private static Growth Grown(ObjectWatch on, IEnumerable<TargetWatch> parts, long second, AskedTraffic asked, TargetWatch? of = null) =>
        Growth.Of(parts, second - 2, asked, of) is { IsEnough: true } now ? now : Growth.Of(parts, second - LongestLook, asked, of);

    private static AskedTraffic Asked(ObjectWatch on, VectorMeasurement over) => Asked(on, over.Vector, over.UnitOver());

    private static AskedTraffic Asked(ObjectWatch on, TrafficVector vector, TrafficUnit unit) => new(vector, unit, on.Grain, RarelyUsual(on, vector, unit));

    /// <summary>What is usual of a rare vector; null: nothing is known yet, or it is not rare.</summary>
    private static double? RarelyUsual(ObjectWatch on, TrafficVector vector, TrafficUnit unit) =>
        on.Rules(WatchLevel.Object).Learned.Expected is { Total.Packets: > 0 } usual && ObjectBaseline.IsRare(vector) ? usual[vector][unit] : null;

    /// <summary>
    /// Whether it is the object that is attacked: several of its blocks are over together, for the same vector, and none of them has most of what is new there.
    /// </summary>
    public static bool IsSpread(ObjectWatch on, TargetWatch block, long second, Verdict verdict, OverTogether batch)
    {
        var vectors = verdict.Over.Select(over => over.Vector).ToHashSet();
        TargetWatch[] together =
        [
            block,
            .. batch.Blocks().Where(other => other != block && !other.IsCovered && on.Object.Holds(other.Target)
                && (batch.AreManyOver(other) || on.Rules(other).Judge(other.At(second), other).Over.Any(over => vectors.Contains(over.Vector)))),
        ];
        return together.Length > 1 && Grown(on, together, second, Asked(on, verdict.Over[0])).Leader() is null;
    }

    /// <summary>
    /// Whether what is over is made of the same traffic as an open anomaly, although no rule of the one is of a vector of the other's: levels may have rules of
    /// different ones. Then what is narrower is half of what is wider, or more, where the wider one is over.
    /// </summary>
    public static bool IsSameTraffic(TargetWatch open, TargetWatch target, long second, Verdict verdict)
    {
        foreach (var over in verdict.Over)
        {
            foreach (var vector in open.Episode!.Vectors)
            {
                if ((Includes(over.Vector, vector) && IsMost(target, over.Vector, vector)) || (Includes(vector, over.Vector) && IsMost(open, vector, over.Vector)))
                {
                    return true;
                }
            }
        }

        return false;

        bool IsMost(TargetWatch of, TrafficVector wide, TrafficVector narrow)
        {
            var (all, part) = (of.Lately(second - 2, wide).Of, of.Lately(second - 2, narrow).Of);
            return part.Packets > 0 && part.Packets * 2 >= all.Packets && part.Bits * 2 >= all.Bits;
        }

        static bool Includes(TrafficVector wide, TrafficVector narrow) => wide != narrow
            && (wide is TrafficVector.Total || (wide is TrafficVector.Udp && narrow is >= TrafficVector.Dns and <= TrafficVector.OtherAmplification));
    }

    /// <summary>What the wider level may have for as long as it likes.</summary>
    public static Hold HoldOf(TargetWatch wide, LevelRules rules, Verdict verdict)
    {
        var over = verdict.Over[0];
        var unit = over.UnitOver();
        var set = (unit is TrafficUnit.Bits ? over.ThresholdBitsPerSecond
            : unit is TrafficUnit.Packets ? over.ThresholdPacketsPerSecond : over.ThresholdFlowsPerSecond) ?? 0;
        var learned = rules.Learned.Thresholds.FirstOrDefault(threshold => threshold.Vector == over.Vector && threshold.Unit == unit);
        return learned is null || set < (long)learned.Rate // a learned one is told in whole packets
            ? new(wide, over.Vector, unit, set, burst: 0)
            : new(wide, over.Vector, unit, (long)learned.Rate, rules.LowShare * learned.Burst);
    }
}
