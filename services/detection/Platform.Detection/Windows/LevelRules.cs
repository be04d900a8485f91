using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What is held against targets of one level of an object at this hour: what somebody set, and what was learned.</summary>
internal sealed class LevelRules
{
    private const int FewPackets = 12;
    private const int Calm = 16; // a second comes in a dozen parts when flows are long, and each of them is more than this when the whole of it matters
    private const long Coarsest = 10_000;
    private const int LongestPacket = 1500 * 8;
    private const double Unlikely = 14; // half of 28
    private static readonly double[] GuessedRates = [1.25, 2.2];
    private readonly Threshold[] _set;
    private readonly Threshold[] _guessed; // of these what a profile guessed
    private readonly double _lowShare;
    private readonly long _leastBits = long.MaxValue;
    private readonly long _leastPackets = long.MaxValue;
    private readonly long _leastFlows = long.MaxValue;

    /// <param name="set">What is set.</param>
    /// <param name="learned">What was learned for this hour.</param>
    /// <param name="lowShare">Share of what is set at which traffic is low again.</param>
    /// <param name="grain">
    /// Null: somebody set it all on purpose. Else what is nobody's own comes from a profile, so nobody has looked at this traffic: it gives way to what was
    /// learned (<see cref="Ceiling"/>), and a few sampled packets of so many each do not break it. 0: sampling is not known yet; then few packets of the coarsest
    /// do not.
    /// </param>
    public LevelRules(IEnumerable<Threshold> set, LearnedLevel learned, double lowShare, long? grain = null)
    {
        _lowShare = lowShare;
        Learned = grain > 1 ? learned with { Thresholds = [.. learned.Thresholds, .. set.SelectMany(guess => Rates(guess, learned, grain.Value))] } : learned;
        _set =
        [
            .. from threshold in set
               let left = grain is null || threshold.IsOwn ? threshold : Ceiling(threshold, learned) is { } guess ? Widened(guess, grain.Value) : null
               where left is not null
               select left,
        ];
        _guessed = grain is null ? [] : [.. _set.Where(threshold => !threshold.IsOwn)];
        foreach (var threshold in _set)
        {
            _leastBits = Math.Min(_leastBits, (long)((threshold.BitsPerSecond ?? long.MaxValue) * lowShare));
            _leastPackets = Math.Min(_leastPackets, (long)((threshold.PacketsPerSecond ?? long.MaxValue) * lowShare));
            _leastFlows = Math.Min(_leastFlows, (long)((threshold.FlowsPerSecond ?? long.MaxValue) * lowShare));
        }

        foreach (var threshold in Learned.Thresholds)
        {
            var least = (long)Math.Min(long.MaxValue, threshold.Rate);
            (_leastBits, _leastPackets) = threshold.Unit is TrafficUnit.Bits
                ? (Math.Min(_leastBits, least), _leastPackets)
                : (_leastBits, Math.Min(_leastPackets, least));
        }
    }

    public LearnedLevel Learned { get; }

    /// <summary>Share of what is set, and of a burst, at which traffic is low again.</summary>
    public double LowShare => _lowShare;

    /// <summary>What is set for a vector; null: nothing.</summary>
    public long? SetRate(TrafficVector vector, TrafficUnit unit) => _set.Where(threshold => threshold.Vector == vector).Min(threshold => threshold.RateOf(unit));

    /// <summary>Whether a second of this size could be near anything: no vector is more than the whole. Runs for every window.</summary>
    public bool CouldMatter(Amount total) => total.Bits > _leastBits || total.Packets > _leastPackets || total.Flows > _leastFlows;

    /// <summary>Whether a second of this size is so far below everything that the rest of it may be forgotten.</summary>
    public bool IsCalm(Amount total) => total.Bits < _leastBits / Calm && total.Packets < _leastPackets / Calm && total.Flows < _leastFlows / Calm;

    /// <summary>
    /// Whether traffic is still high, in the sense of hysteresis: above a share of what is set, above what is usual with its margin by a share of the
    /// burst (one sampled packet may stand for more than a second's rate, and says nothing alone). While an anomaly is open only its own vectors count
    /// so; others, and all of them when another level's rule opened it, count when they are over what is set.
    /// </summary>
    public bool IsNear(in SecondTraffic traffic, TargetWatch target)
    {
        var episode = target.Episode;
        var open = episode?.Open;
        if (traffic.Exceeds(_set, open is not null && episode!.IsOpenedElsewhere ? 1 : _lowShare, open?.Vectors))
        {
            return true;
        }

        List<LearnedThreshold>? near = null;
        for (var i = 0; i < Learned.Thresholds.Count; i++)
        {
            var threshold = Learned.Thresholds[i];
            var value = traffic[threshold.Vector][threshold.Unit];
            if (value > threshold.Rate
                && value + (target.Surge?.Backlog(Learned, i) ?? 0) > threshold.Rate + (_lowShare * threshold.Burst)
                && open?.Vectors.Contains(threshold.Vector) != false)
            {
                if (open is null)
                {
                    return true;
                }

                (near ??= []).Add(threshold);
            }
        }

        if (near is not null)
        {
            Weigh(near, traffic, target, isOpen: true); // what would open no anomaly keeps none open
        }

        return near is { Count: > 0 };
    }

    /// <summary>The vectors that are over, greatest excess first; which rule it was comes with it.</summary>
    public Verdict Judge(in SecondTraffic traffic, TargetWatch target)
    {
        var isSet = traffic.Exceeds(_set) && !IsTransferBeyondGuesses(traffic, target);
        var isAtOnce = isSet;
        List<LearnedThreshold>? learned = null;
        for (var i = 0; i < Learned.Thresholds.Count; i++)
        {
            var threshold = Learned.Thresholds[i];
            var value = traffic[threshold.Vector][threshold.Unit];
            if (value + (target.Surge?.Backlog(Learned, i) ?? 0) > threshold.Rate + threshold.Burst && value > threshold.Rate)
            {
                (learned ??= []).Add(threshold);
            }
        }

        if (learned is not null)
        {
            Weigh(learned, traffic, target);
            foreach (var threshold in learned)
            {
                isAtOnce |= traffic[threshold.Vector][threshold.Unit] > threshold.Rate + threshold.Burst;
            }
        }

        if (!isSet && learned is not { Count: > 0 })
        {
            return Verdict.Nothing;
        }

        var over = Measure(traffic, learned, target, isSet);
        return new Verdict(over, RuleOf(over[0]), isAtOnce);
    }

    /// <summary>Whether of no vector that may be over there is more than in these.</summary>
    public bool IsNoMoreThan(IReadOnlyList<VectorMeasurement> known, in SecondTraffic traffic, TargetWatch target)
    {
        foreach (var threshold in _set)
        {
            var amount = traffic[threshold.Vector];
            if ((amount.Bits > threshold.BitsPerSecond || amount.Packets > threshold.PacketsPerSecond || amount.Flows > threshold.FlowsPerSecond)
                && !IsKnown(threshold.Vector, amount))
            {
                return false;
            }
        }

        for (var i = 0; i < Learned.Thresholds.Count; i++)
        {
            var threshold = Learned.Thresholds[i];
            var amount = traffic[threshold.Vector];
            var value = amount[threshold.Unit];
            if (value > threshold.Rate
                && value + (target.Surge?.Backlog(Learned, i) ?? 0) > threshold.Rate + threshold.Burst
                && !IsKnown(threshold.Vector, amount))
            {
                return false;
            }
        }

        return true;

        bool IsKnown(TrafficVector vector, Amount amount)
        {
            for (var i = 0; i < known.Count; i++)
            {
                if (known[i].Vector == vector)
                {
                    return amount.Bits <= known[i].BitsPerSecond && amount.Packets <= known[i].PacketsPerSecond && amount.Flows <= (known[i].FlowsPerSecond ?? long.MaxValue);
                }
            }

            return false;
        }
    }

    /// <summary>Only guesses are broken, and without what few servers send they would not be: nobody who guessed knew of it.</summary>
    private bool IsTransferBeyondGuesses(in SecondTraffic traffic, TargetWatch target)
    {
        if (_guessed.Length == 0 || traffic.Served == default || (_guessed.Length < _set.Length && traffic.Exceeds([.. _set.Except(_guessed)])))
        {
            return false;
        }

        var transfers = target.Transfers(Learned);
        var rest = traffic.Copy();
        rest.Subtract(SecondTraffic.Of(transfers.Of(traffic, TrafficVector.Total), (TrafficVector.Udp, transfers.Of(traffic, TrafficVector.Udp))));
        return !rest.Exceeds(_guessed);
    }

    /// <summary>Which kind of rule says the figure that is told: of what is set and what was learned the narrower is told.</summary>
    public string RuleOf(VectorMeasurement told)
    {
        var unit = told.UnitOver();
        for (var i = 0; i < _set.Length; i++)
        {
            if (_set[i].Vector == told.Vector && _set[i].RateOf(unit) is { } rate && rate == told.ThresholdOf(unit))
            {
                return _guessed.Contains(_set[i]) ? RuleName.Profile : RuleName.Set;
            }
        }

        for (var i = 0; i < Learned.Thresholds.Count; i++)
        {
            if (Learned.Thresholds[i] is { IsGuess: true } guess && guess.Vector == told.Vector && guess.Unit == unit)
            {
                return RuleName.Profile;
            }
        }

        return RuleName.Learned;
    }

    /// <summary>Leaves only what the kind of traffic does not excuse.</summary>
    private void Weigh(List<LearnedThreshold> over, SecondTraffic traffic, TargetWatch target, bool isOpen = false)
    {
        var transfers = target.Transfers(Learned);
        var seconds = Surge.Seconds(target.Surge);
        var whole = Surge.Whole(target.Surge, traffic);
        var rest = Surge.WholeRest(target.Surge, transfers.Rest(traffic));
        var beyond = Surge.Excess(whole, seconds, Learned);
        var hasTransfers = transfers.PartOfFew > 0 && rest.Total != whole.Total;
        var restBeyond = hasTransfers ? Surge.Excess(rest, seconds, Learned) : beyond;
        // Minutes of an attack do not make it one that grew over minutes.
        var isAbrupt = isOpen || target.IsAbrupt(Surge.Mean(target.Surge, traffic));
        var isLarge = Learned.IsLarge(traffic.Total);
        over.RemoveAll(threshold =>
        {
            // Of a guess nothing is known that could excuse it, but that it is somebody's transfer. A crowd that few servers serve looks like one as it is.
            var allowance = threshold.IsGuess ? 1
                : !hasTransfers ? TrafficShape.Allowance(threshold, whole, beyond, seconds, Learned, isAbrupt, target)
                : Math.Max(
                    TrafficShape.AllowanceWithTransfers(threshold, whole, beyond, seconds, Learned, isAbrupt, target),
                    TrafficShape.Allowance(threshold, rest, restBeyond, seconds, Learned, isAbrupt, target, whole.Total - rest.Total));

            var position = Position(threshold);
            if (double.IsPositiveInfinity(allowance))
            {
                target.Excuse(isLarge);
                target.Surge?.Forgive(Learned, position);
                return true;
            }

            // Whatever the rest is made of, without transfers there may be too little of it.
            var carried = target.Surge?.Rest(Learned, position, allowance) ?? 0;
            var most = (allowance * threshold.Rate) + ((isOpen ? _lowShare : isAbrupt || allowance == 1 ? 1 : 2) * threshold.Burst);
            var transferred = transfers.Of(traffic, threshold);
            if (traffic[threshold.Vector][threshold.Unit] + carried - transferred > most)
            {
                return false;
            }

            if (transferred > 0)
            {
                target.Excuse(isLarge);
            }

            return true;
        });
    }

    /// <summary>It runs for every window of an attack, and most have one vector that is over.</summary>
    private List<VectorMeasurement> Measure(in SecondTraffic traffic, List<LearnedThreshold>? learned, TargetWatch target, bool isSet)
    {
        var over = new List<VectorMeasurement>(1);
        foreach (var threshold in isSet ? _set : [])
        {
            var amount = traffic[threshold.Vector];
            if (amount.Bits > threshold.BitsPerSecond || amount.Packets > threshold.PacketsPerSecond || amount.Flows > threshold.FlowsPerSecond)
            {
                Put(Whole(threshold.Vector, amount, target.Level, threshold));
            }
        }

        for (var i = 0; i < (learned?.Count ?? 0); i++)
        {
            var threshold = learned![i];
            var allowed = Left(threshold, target);
            var measured = At(threshold.Vector) is >= 0 and var at ? over[at] : Whole(threshold.Vector, traffic[threshold.Vector], target.Level);
            Put(threshold.Unit is TrafficUnit.Bits
                ? measured with { ThresholdBitsPerSecond = Least(measured.ThresholdBitsPerSecond, allowed) }
                : measured with { ThresholdPacketsPerSecond = Least(measured.ThresholdPacketsPerSecond, allowed) });
        }

        if (over.Count > 1)
        {
            over.Sort(static (one, other) => other.Excess().CompareTo(one.Excess()) is not 0 and var order ? order : one.Vector.CompareTo(other.Vector));
        }

        return over;

        int At(TrafficVector vector)
        {
            var at = over.Count - 1;
            while (at >= 0 && over[at].Vector != vector)
            {
                at--;
            }

            return at;
        }

        void Put(VectorMeasurement measured)
        {
            if (At(measured.Vector) is >= 0 and var at)
            {
                over[at] = measured;
            }
            else
            {
                over.Add(measured);
            }
        }
    }

    /// <summary>What was left for this second, after the seconds before it.</summary>
    private long Left(LearnedThreshold threshold, TargetWatch target) =>
        (long)Math.Max(threshold.Rate, threshold.Rate + threshold.Burst - (target.Surge?.Backlog(Learned, Position(threshold)) ?? 0));

    private int Position(LearnedThreshold threshold)
    {
        var position = 0;
        while (!ReferenceEquals(Learned.Thresholds[position], threshold))
        {
            position++;
        }

        return position;
    }

    private VectorMeasurement Whole(TrafficVector vector, Amount amount, WatchLevel level, Threshold? over = null) => new(
        vector,
        amount.Bits,
        amount.Packets,
        over?.BitsPerSecond,
        over?.PacketsPerSecond,
        FlowsPerSecond: CountsFlows(vector) ? amount.Flows : null,
        ThresholdFlowsPerSecond: over?.FlowsPerSecond,
        BaselineBitsPerSecond: Usual(vector, TrafficUnit.Bits),
        BaselinePacketsPerSecond: Usual(vector, TrafficUnit.Packets),
        Level: level);

    private bool CountsFlows(TrafficVector vector)
    {
        foreach (var threshold in _set)
        {
            if (threshold.Vector == vector && threshold.FlowsPerSecond is not null)
            {
                return true;
            }
        }

        return false;
    }

    private long? Usual(TrafficVector vector, TrafficUnit unit)
    {
        for (var i = 0; i < Learned.Thresholds.Count; i++)
        {
            if (Learned.Thresholds[i] is var known && known.Vector == vector && known.Unit == unit)
            {
                return known.IsGuess ? null : (long)known.Usual;
            }
        }

        return null;
    }

    private static Threshold Widened(Threshold guess, long grain) => grain switch
    {
        0 => guess with
        {
            BitsPerSecond = guess.BitsPerSecond is { } bits ? Math.Max(bits, FewPackets * Coarsest * LongestPacket) : null,
            PacketsPerSecond = guess.PacketsPerSecond is { } packets ? Math.Max(packets, FewPackets * Coarsest) : null,
        },
        1 => guess,
        _ => guess with
        {
            BitsPerSecond = guess.BitsPerSecond is { } bits ? bits + Chance(bits, grain * LongestPacket) : null,
            PacketsPerSecond = guess.PacketsPerSecond is { } packets ? packets + Chance(packets, grain) : null,
        },
    };

    /// <summary>What chance makes of a rate in one second, once in years: of Poisson counts of mean n so much more than that comes with less than e to the power of minus 20.</summary>
    /// <param name="rate">Per second.</param>
    /// <param name="sampled">What one sampled packet stands for.</param>
    private static long Chance(long rate, long sampled)
    {
        const double unlikely = 20;
        return (long)(sampled * Math.Max(FewPackets, Math.Sqrt(2 * unlikely * rate / sampled) + (unlikely / 3)));
    }

    /// <summary>
    /// A guess that <see cref="Widened"/> lets few sampled packets pass in one second, as what may add up: of traffic that stays within the guess, sums of sampled
    /// packets cross each of these by chance with e to the power of minus 28. The more it is beyond, the sooner; learning's own rules take the place of them.
    /// </summary>
    private static IEnumerable<LearnedThreshold> Rates(Threshold guess, LearnedLevel learned, long grain) =>
        from unit in guess.IsOwn || learned.Thresholds.Any(rule => rule.Vector == guess.Vector) ? [] : (TrafficUnit[])[TrafficUnit.Bits, TrafficUnit.Packets]
        let rate = guess.RateOf(unit)
        where rate is not null
        from times in GuessedRates // the narrowest first
        select new LearnedThreshold(
            guess.Vector,
            unit,
            Usual: 0,
            times * rate.Value,
            Math.Max(FewPackets, Unlikely / (times - 1)) * grain * (unit is TrafficUnit.Bits ? LongestPacket : 1),
            IsGuess: true);

    /// <summary>
    /// What is left of a guess beside what was learned. How much there is altogether, and of what most of it consists, learning knows better, after a quarter
    /// of an hour: nothing. What is rare is known by being far above itself, and learning's floor is a share of the whole, however large that is: there the
    /// guess stays the most, or what a crowd may bring when that is more.
    /// </summary>
    private static Threshold? Ceiling(Threshold guess, LearnedLevel learned)
    {
        var known = learned.Thresholds.Where(rule => rule.Vector == guess.Vector).ToLookup(rule => rule.Unit, rule => (long)(ObjectBaseline.Crowd * rule.Usual));
        return known.Count == 0 ? guess
            : !ObjectBaseline.IsRare(guess.Vector) ? learned.IsBeginning ? guess : null
            : guess with { BitsPerSecond = Lifted(guess.BitsPerSecond, TrafficUnit.Bits), PacketsPerSecond = Lifted(guess.PacketsPerSecond, TrafficUnit.Packets) };

        long? Lifted(long? rate, TrafficUnit unit) => rate is { } guessed ? known[unit].Append(guessed).Max() : null;
    }

    private static long Least(long? left, long right) => left is { } other ? Math.Min(other, right) : right;
}

/// <param name="Over">Greatest excess first; empty when nothing is over.</param>
/// <param name="Rule">One of <see cref="RuleName"/>: of what is furthest over.</param>
/// <param name="IsAtOnce">This second alone is over, whatever was before it.</param>
internal sealed record Verdict(IReadOnlyList<VectorMeasurement> Over, string Rule, bool IsAtOnce)
{
    public static readonly Verdict Nothing = new([], "", IsAtOnce: false);

    public bool IsOver => Over.Count > 0;

    /// <summary>The same with what another rule says, greatest excess first.</summary>
    public Verdict With(VectorMeasurement over, string rule) => Over.Count > 0 && Over[0].Excess() >= over.Excess()
        ? this with { Over = [.. Over, over] }
        : new Verdict([over, .. Over], rule, IsAtOnce);
}
