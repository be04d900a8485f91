using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Of several targets who has what is new: the busiest of them may be as busy as ever.</summary>
/// <param name="Parts">Who, and how much of it.</param>
/// <param name="IsKnown">False: what is new is lost in the jumping, and it is what each has.</param>
/// <param name="IsEnough">False: it is a few sampled packets, whose hosts say nothing about the next ones.</param>
internal sealed record Growth(IReadOnlyList<(TargetWatch Part, double By)> Parts, bool IsKnown, bool IsEnough)
{
    private const int FewPackets = 4;
    private const int LeastSeconds = 3;
    private const double LeastPart = 0.05;
    private const double LeastUsual = 0.1;
    private const double Most = 0.6;
    private const double NearlyAll = 0.9;

    /// <summary>All of it.</summary>
    public double Sum => Parts.Sum(one => one.By);

    /// <summary>
    /// Among how many alike it would be spread as it is (the inverse of Simpson's index, without what chance makes of sampled packets): 1 is one of them. 0: it is not known.
    /// </summary>
    /// <param name="grain">What one sampled packet stands for, in the unit of the growth.</param>
    public double Spread(double grain)
    {
        var (all, pairs) = (Sum / grain, Parts.Sum(one => one.By / grain * Math.Max(0, (one.By / grain) - 1)));
        return !IsKnown ? 0 : pairs > 0 ? all * (all - 1) / pairs : all;
    }

    /// <summary>Who has most of it; null when nobody has, or it is not known and nobody has nearly all.</summary>
    public TargetWatch? Leader() =>
        IsEnough && Busiest() is { } first && Parts.First(one => one.Part == first).By >= (IsKnown ? Most : NearlyAll) * Sum ? first : null;

    /// <summary>Who has the largest part of it; null when nobody has anything.</summary>
    public TargetWatch? Busiest() => Parts.Where(one => one.By > 0).OrderByDescending(one => one.By).FirstOrDefault().Part;

    /// <summary>What each has beyond what it had in the last minutes.</summary>
    /// <param name="parts">Who shares the traffic.</param>
    /// <param name="since">The first second of what is new.</param>
    /// <param name="vector">Of which traffic.</param>
    /// <param name="unit">In which unit.</param>
    /// <param name="grain">Packets that one sampled packet stands for: the chance of few of them is no growth.</param>
    /// <param name="usual">Of what is rare so much is usual in a second; far beyond that all of it is new, whatever else the parts had before. Null: any of it may be usual.</param>
    public static Growth Of(
        IEnumerable<TargetWatch> parts, long since, TrafficVector vector, TrafficUnit unit, long grain, double? usual = null)
    {
        var all = parts.Select(part => (Part: part, Now: part.Lately(since))).ToArray();
        var seconds = all.Length == 0 ? LeastSeconds : Math.Max(LeastSeconds, all.Max(one => one.Part.Newest) - since + 1);
        var before = seconds * all.Sum(one => one.Part.Recent(unit));
        // Of the last seconds not everything may have come: then a share that grew is growth.
        var come = before > 0 ? Math.Min(1, all.Sum(one => (double)one.Now.Total[unit]) / before) : 1;
        var (has, packets) = (all.Sum(one => (double)one.Now[vector][unit]), all.Sum(one => (double)one.Now[vector].Packets));
        var isNew = usual * seconds <= LeastUsual * has;
        (TargetWatch Part, double By)[] grown = [.. all.Select(one => (one.Part, By: isNew ? one.Now[vector][unit] : Math.Max(0, Math.Min(one.Now[vector][unit], Beyond(one.Part, one.Now)))))];
        var sum = grown.Sum(one => one.By);
        return sum > 0 && sum >= LeastPart * has
            ? new(grown, IsKnown: true, IsEnough: packets * (sum / has) >= FewPackets * grain)
            : new([.. all.Select(one => (one.Part, (double)one.Now[vector][unit]))], IsKnown: false, IsEnough: packets >= FewPackets * grain);

        double Beyond(TargetWatch part, in SecondTraffic now)
        {
            var packets = come * seconds * part.Recent(TrafficUnit.Packets);
            var chance = packets > 0 ? Math.Min(1, Math.Sqrt(Math.Max(1, grain) / packets)) : 0;
            return now.Total[unit] - (come * seconds * part.Recent(unit) * (1 + chance));
        }
    }
}
