using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Of several targets who has what is new: the busiest of them may be as busy as ever.</summary>
/// <param name="Parts">Who, and how much of it.</param>
/// <param name="IsKnown">False: what is new is lost in the jumping, and it is what each has.</param>
/// <param name="IsEnough">False: it is a few sampled packets, whose hosts say nothing about the next ones.</param>
/// <param name="Rest">What the others have of it, that were not looked at.</param>
/// <param name="Others">How many these are.</param>
internal sealed record Growth(IReadOnlyList<(TargetWatch Part, double By)> Parts, bool IsKnown, bool IsEnough, double Rest = 0, int Others = 0)
{
    private const int FewPackets = 4;
    private const int LeastSeconds = 3;
    private const double LeastPart = 0.05;
    private const double LeastUsual = 0.1;
    private const double Most = 0.6;
    private const double NearlyAll = 0.9;

    /// <summary>All of it.</summary>
    public double Sum => Parts.Sum(one => one.By) + Rest;

    /// <summary>
    /// Among how many alike it would be spread as it is (the inverse of Simpson's index, without what chance makes of sampled packets): 1 is one of them. 0: it is not known.
    /// </summary>
    /// <param name="grain">What one sampled packet stands for, in the unit of the growth.</param>
    public double Spread(double grain)
    {
        var others = Others == 0 ? 0 : Others * Pairs(Rest / grain / Others); // none of them has much
        var (all, pairs) = (Sum / grain, Parts.Sum(one => Pairs(one.By / grain)) + others);
        return !IsKnown ? 0 : pairs > 0 ? all * (all - 1) / pairs : all;

        static double Pairs(double one) => one * Math.Max(0, one - 1);
    }

    /// <summary>Who has most of it; null when nobody has, or it is not known and nobody has nearly all.</summary>
    public TargetWatch? Leader() =>
        IsEnough && Busiest() is { } first && Parts.First(one => one.Part == first).By >= (IsKnown ? Most : NearlyAll) * Sum ? first : null;

    /// <summary>Who has the largest part of it; null when nobody has anything.</summary>
    public TargetWatch? Busiest() => Parts.Where(one => one.By > 0).OrderByDescending(one => one.By).FirstOrDefault().Part;

    /// <summary>What each has beyond what it had in the last minutes.</summary>
    /// <param name="parts">Who shares the traffic.</param>
    /// <param name="since">The first second of what is new.</param>
    /// <param name="asked">Of which traffic.</param>
    /// <param name="of">The block whose busiest hosts they are, where there are too many to look at all of them; null: they are all.</param>
    public static Growth Of(IEnumerable<TargetWatch> parts, long since, AskedTraffic asked, TargetWatch? of = null)
    {
        var (vector, unit, grain, usual) = asked;
        var all = parts.Select(part => Had.By(part, since, vector, unit)).ToList();
        var others = of is null ? 0 : of.Hosts.Count - all.Count;
        if (of is not null)
        {
            all.Add(Had.By(of, since, vector, unit).Without(all.Where(one => !one.Part.IsCovered)));
        }

        var seconds = all.Count == 0 ? LeastSeconds : Math.Max(LeastSeconds, all.Max(one => one.Part.Newest) - since + 1);
        var before = seconds * all.Sum(one => one.Recent);
        // Of the last seconds not everything may have come: then a share that grew is growth.
        var come = before > 0 ? Math.Min(1, all.Sum(one => (double)one.Total[unit]) / before) : 1;
        var (has, packets) = (all.Sum(one => (double)one.Of[unit]), all.Sum(one => (double)one.Of.Packets));
        var isNew = usual * seconds <= LeastUsual * has;
        (TargetWatch Part, double By)[] grown = [.. all.Select(one => (one.Part, By: isNew ? one.Of[unit] : Math.Max(0, Math.Min(one.Of[unit], Beyond(one)))))];
        var sum = grown.Sum(one => one.By);
        return sum > 0 && sum >= LeastPart * has
            ? Made(grown, isKnown: true, isEnough: packets * (sum / has) >= FewPackets * grain)
            : Made([.. all.Select(one => (one.Part, (double)one.Of[unit]))], isKnown: false, isEnough: packets >= FewPackets * grain);

        Growth Made((TargetWatch Part, double By)[] each, bool isKnown, bool isEnough) =>
            of is null ? new(each, isKnown, isEnough) : new(each[..^1], isKnown, isEnough, each[^1].By, others);

        double Beyond(in Had one)
        {
            var packets = come * seconds * one.RecentPackets;
            var chance = packets > 0 ? Math.Min(1, Math.Sqrt(Math.Max(1, grain) / packets)) : 0;
            return one.Total[unit] - (come * seconds * one.Recent * (1 + chance));
        }
    }

    /// <param name="Total">What it had in the last seconds.</param>
    /// <param name="Of">Of it of the vector.</param>
    /// <param name="Recent">A second, in the last minutes, in the unit that is asked about.</param>
    /// <param name="RecentPackets">The same in packets.</param>
    private readonly record struct Had(TargetWatch Part, Amount Total, Amount Of, double Recent, double RecentPackets)
    {
        public static Had By(TargetWatch part, long since, TrafficVector vector, TrafficUnit unit)
        {
            var (total, of) = part.Lately(since, vector);
            return new(part, total, of, part.Recent(unit), part.Recent(TrafficUnit.Packets));
        }

        public Had Without(IEnumerable<Had> looked)
        {
            var rest = this;
            foreach (var one in looked)
            {
                rest = new(
                    Part, rest.Total - one.Total, rest.Of - one.Of, Math.Max(0, rest.Recent - one.Recent), Math.Max(0, rest.RecentPackets - one.RecentPackets));
            }

            return rest;
        }
    }
}

/// <summary>Which traffic is asked about, and what is known of it.</summary>
/// <param name="Vector">Of which kind.</param>
/// <param name="Unit">In which unit.</param>
/// <param name="Grain">Packets that one sampled packet stands for: the chance of few of them is no growth.</param>
/// <param name="Usual">Of what is rare so much is usual in a second; far beyond that all of it is new, whatever else the parts had before. Null: any of it may be usual.</param>
internal readonly record struct AskedTraffic(TrafficVector Vector, TrafficUnit Unit, long Grain, double? Usual = null);
