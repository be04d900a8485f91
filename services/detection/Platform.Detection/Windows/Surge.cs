using Platform.Detection.Anomalies;
using Platform.Detection.Learning;

namespace Platform.Detection.Windows;

/// <summary>
/// What a target had beyond its learned rates in the seconds before this one, less what it had below: small excesses add up, chance cancels out.
/// The same is kept beyond so many times the rate as the kind of traffic may excuse: a little more than that adds up too.
/// </summary>
internal sealed class Surge
{
    private const int LongestMemory = 60; // seconds
    private const int LongestQuiet = 20; // seconds; a surge has gaps when few packets are sampled
    private const int Fall = 3; // times less
    private const int MostBursts = 2; // of what may be excused, which may have so many; what is beyond says nothing more, and would have to drain first
    private static readonly double[] Allowances = [1, TrafficShape.AbruptSurge, TrafficShape.LikelySurge, TrafficShape.GradualSurge, TrafficShape.SureSurge];
    private IReadOnlyList<LearnedThreshold> _thresholds;
    private double[] _backlog; // of each rule, the whole
    private double[] _rest; // of each rule beyond each allowance, without transfers
    private SecondTraffic _sum;
    private SecondTraffic _sumOfRest; // without transfers
    private int _seconds;
    private long _quiet;

    private Surge(LearnedLevel learned) => (_thresholds, _backlog, _rest) =
        (learned.Thresholds, new double[learned.Thresholds.Count], new double[learned.Thresholds.Count * Allowances.Length]);

    /// <summary>Bits of transfers in all of its seconds that were over.</summary>
    public double Transferred { get; private set; }

    /// <summary>What a rule has to carry on.</summary>
    public double Backlog(LearnedLevel learned, int threshold) => ReferenceEquals(_thresholds, learned.Thresholds) ? _backlog[threshold] : 0;

    /// <summary>What it has without transfers, beyond so many times its rate.</summary>
    public double Rest(LearnedLevel learned, int threshold, double allowance) =>
        ReferenceEquals(_thresholds, learned.Thresholds) && Array.IndexOf(Allowances, allowance) is >= 0 and var which
            ? _rest[(threshold * Allowances.Length) + which] : 0;

    /// <summary>To which hosts it goes; null until something came since it began.</summary>
    public Receivers? Receivers { get; private set; }

    /// <summary>Its last second was over.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Seconds that were over in all.</summary>
    public long Age { get; private set; }

    /// <summary>Seconds of these that had more than a transfer may have that goes on.</summary>
    public long Large { get; private set; }

    /// <summary>Seconds since it began.</summary>
    public long Span { get; private set; }

    /// <summary>One of the hosts has so much of it.</summary>
    public void Reach(TargetWatch? host, long second, Amount amount) => (Receivers ??= new Receivers()).Add(host, second, amount);

    /// <summary>What a rule has carried on beyond what may be excused was a transfer's: it is not held against what comes after it.</summary>
    public void Forgive(LearnedLevel learned, int threshold)
    {
        if (ReferenceEquals(_thresholds, learned.Thresholds))
        {
            _rest.AsSpan(threshold * Allowances.Length, Allowances.Length).Clear();
        }
    }

    /// <summary>Whether few servers have sent more of it than transfers may have.</summary>
    public bool Exceeds(Transfers transfers) => _seconds > 0 && transfers.AreTooMuch(_sum, _seconds);

    /// <summary>All of it, from the beginning of the surge to this second.</summary>
    public static SecondTraffic Whole(Surge? surge, in SecondTraffic second) => Sum(second, surge?._sum);

    /// <summary>The same without transfers.</summary>
    /// <param name="surge">The surge.</param>
    /// <param name="rest">What this second has without them.</param>
    public static SecondTraffic WholeRest(Surge? surge, in SecondTraffic rest) => Sum(rest, surge?._sumOfRest);

    /// <summary>So many seconds are in it, this one included.</summary>
    public static int Seconds(Surge? surge) => 1 + (surge?._seconds ?? 0);

    /// <summary>What the whole is beyond the usual.</summary>
    public static SecondTraffic Excess(in SecondTraffic whole, int seconds, LearnedLevel learned)
    {
        var excess = whole.Copy();
        excess.Subtract(learned.Expected, seconds);
        return excess;
    }

    private static SecondTraffic Sum(in SecondTraffic second, in SecondTraffic? before)
    {
        var sum = second.Copy();
        if (before is { } known)
        {
            sum.Add(known);
        }

        return sum;
    }

    /// <summary>Mean of the surge's seconds over, this one included.</summary>
    public static Amount Mean(Surge? surge, in SecondTraffic second)
    {
        if (surge is null)
        {
            return second.Total;
        }

        var (sum, seconds) = (surge._sum.Total + second.Total, surge._seconds + 1);
        return new Amount(sum.Bits / seconds, sum.Packets / seconds);
    }

    /// <summary>The surge after a second that is over; null when nothing was left of it for a while.</summary>
    /// <param name="before">The surge before it.</param>
    /// <param name="closed">The second.</param>
    /// <param name="seconds">How many seconds until the next one: those between had nothing.</param>
    /// <param name="learned">What is allowed.</param>
    /// <param name="target">Whose it is.</param>
    public static Surge? After(Surge? before, in SecondTraffic closed, long seconds, LearnedLevel learned, TargetWatch target)
    {
        var (after, transfers) = (before, default(Transfers?));
        after?.Follow(learned);
        var (isAny, isOver) = (false, false);
        for (var i = 0; i < learned.Thresholds.Count; i++)
        {
            var threshold = learned.Thresholds[i];
            var amount = closed[threshold.Vector][threshold.Unit];
            isOver |= amount > threshold.Rate;
            if (after is null && amount <= threshold.Rate * seconds)
            {
                continue;
            }

            after ??= new Surge(learned);
            transfers ??= target.Transfers(learned);
            ref var backlog = ref after._backlog[i];
            backlog = Math.Clamp(backlog + amount - (threshold.Rate * seconds), 0, threshold.Burst);
            isAny |= backlog > 0;
            var rest = amount - transfers.Value.Of(closed, threshold);
            for (var which = 0; which < Allowances.Length; which++)
            {
                ref var carried = ref after._rest[(i * Allowances.Length) + which];
                carried = Math.Clamp(carried + rest - (Allowances[which] * threshold.Rate * seconds), 0, (which == 0 ? 1 : MostBursts) * threshold.Burst);
                isAny |= carried > 0;
            }
        }

        if (after is null || (after._quiet = isAny ? 0 : after._quiet + seconds) > LongestQuiet)
        {
            return null;
        }

        after.Span += seconds;
        after.IsOver = isOver;

        if (!isOver)
        {
            return after;
        }

        if (after._seconds == LongestMemory)
        {
            after.Halve(target); // what was long ago says less about the mixture
        }

        if (after._seconds > 1 && closed.Total.Packets < after._sum.Total.Packets / (Fall * after._seconds))
        {
            after.Halve(target); // so does what has ended
        }

        after._sum.Add(closed);
        var left = (transfers ?? target.Transfers(learned)).Rest(closed);
        after._sumOfRest.Add(left);
        after.Transferred += (closed.Total - left.Total).Bits;
        after._seconds++;
        after.Age++;
        after.Large += learned.IsLarge(closed.Total) ? 1 : 0;

        return after;
    }

    /// <summary>An increment of a second that was carried on already.</summary>
    public void AddLate(in SecondTraffic increment, LearnedLevel learned, TargetWatch target)
    {
        Follow(learned);
        var transfers = target.Transfers(learned) with { Expected = default }; // it was taken away of its second
        for (var i = 0; i < _backlog.Length; i++)
        {
            var amount = increment[learned.Thresholds[i].Vector][learned.Thresholds[i].Unit];
            _backlog[i] += amount;
            var rest = amount - transfers.Of(increment, learned.Thresholds[i]);
            foreach (ref var carried in _rest.AsSpan(i * Allowances.Length, Allowances.Length))
            {
                carried += rest;
            }
        }

        _sum.Add(increment);
        var left = transfers.Rest(increment);
        _sumOfRest.Add(left);
        Transferred += (increment.Total - left.Total).Bits;
    }

    private void Halve(TargetWatch target)
    {
        target.FadeSenders();
        _sum.Halve();
        _sumOfRest.Halve();
        _seconds /= 2;
    }

    /// <summary>The hour has changed, or there is another vector: what came before still counts for the rules that are there.</summary>
    private void Follow(LearnedLevel learned)
    {
        if (ReferenceEquals(_thresholds, learned.Thresholds))
        {
            return;
        }

        var (backlog, rest) = (new double[learned.Thresholds.Count], new double[learned.Thresholds.Count * Allowances.Length]);
        var taken = new bool[_thresholds.Count];
        for (var i = 0; i < learned.Thresholds.Count; i++)
        {
            for (var old = 0; old < taken.Length; old++)
            {
                if (!taken[old] && _thresholds[old].Vector == learned.Thresholds[i].Vector && _thresholds[old].Unit == learned.Thresholds[i].Unit)
                {
                    backlog[i] = _backlog[old];
                    _rest.AsSpan(old * Allowances.Length, Allowances.Length).CopyTo(rest.AsSpan(i * Allowances.Length));
                    taken[old] = true; // of two for the same the narrower is the first
                    break;
                }
            }
        }

        (_thresholds, _backlog, _rest) = (learned.Thresholds, backlog, rest);
    }
}
