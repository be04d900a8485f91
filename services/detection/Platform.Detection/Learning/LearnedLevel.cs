using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Learning;

/// <summary>
/// What learning allows one vector at this hour: a rate that it may have for as long as it likes, and a burst beyond it. A second is over when it
/// uses up the rate and what is left of the burst, so a big attack is seen at once and a small one when it adds up.
/// </summary>
/// <param name="Vector">Which traffic.</param>
/// <param name="Unit">Bits or packets.</param>
/// <param name="Usual">What is usual at this hour, per second.</param>
/// <param name="Rate">What is allowed, per second.</param>
/// <param name="Burst">What is allowed beyond it.</param>
/// <param name="IsGuess">Nothing was learned of it: a profile's guess, held in the same way.</param>
internal sealed record LearnedThreshold(TrafficVector Vector, TrafficUnit Unit, double Usual, double Rate, double Burst, bool IsGuess = false);

/// <summary>What learning allows the targets of one level at this hour.</summary>
/// <param name="Thresholds">One per vector and unit that has a past.</param>
/// <param name="Expected">What is usual at this hour, as a mixture: of hosts each vector has its own busiest, and the whole is their sum.</param>
/// <param name="OfOne">The same of one target, whose whole is no more than any had.</param>
/// <param name="Typical">An ordinary hour, whatever the time: its mixture tells more of the same from something else.</param>
/// <param name="Grain">Packets that one sampled packet stands for, about; fewer of them than that say little about a mixture.</param>
/// <param name="MostTransfer">Bits per second that a single transfer may have.</param>
/// <param name="MostLongTransfer">The same of one that goes on.</param>
internal sealed record LearnedLevel(
    IReadOnlyList<LearnedThreshold> Thresholds, SecondTraffic Expected, SecondTraffic OfOne, SecondTraffic Typical, double Grain, double MostTransfer, double MostLongTransfer)
{
    private const double IdleShare = 0.01;
    private const double TransferShare = 0.2;
    private const double LargestTransfer = 1e9; // bits per second, of one that is soon over: an object may be a small part of what a large contract declares
    private const double LargestLongTransfer = 250e6;

    /// <summary>Less than a quarter of an hour was learned.</summary>
    public bool IsBeginning { get; init; }

    /// <summary>Whether a second has more beyond the usual than a transfer may have that goes on.</summary>
    public bool IsLarge(Amount total) => total.Bits - Expected.Total.Bits > MostLongTransfer;

    public static readonly LearnedLevel Nothing = new([], default, default, default, 1, 0, 0);

    /// <summary>
    /// The same, but nothing below a hundredth of what the profile begins with for the declared bandwidth, and transfers of a fifth of it (a gigabit at most, long ones a quarter of that), long ones the less the more is usual: what is
    /// nearly idle has no peak whose share could be a floor, and ten pings a second are no attack on a line of a gigabit.
    /// </summary>
    public LearnedLevel AboveIdle(ObjectSettings? settings, WatchLevel level)
    {
        if (settings is not { DeclaredBitsPerSecond: > 0 and var declared }
            || (ThresholdProfiles.Of(settings.Profile ?? ThresholdProfiles.Generic, declared) ?? ThresholdProfiles.Of(ThresholdProfiles.Generic, declared)) is not { } profile)
        {
            return this;
        }

        return this with
        {
            Thresholds = [.. Thresholds.Select(learned => learned.IsGuess ? learned : learned with { Rate = Math.Max(learned.Rate, IdleShare * Begins(learned)) })],
            MostTransfer = Math.Max(MostTransfer, Math.Min(TransferShare * declared, LargestTransfer)),
            MostLongTransfer = Math.Max(MostLongTransfer, Math.Min(TransferShare * declared, LargestLongTransfer) - (2 * MostLongTransfer)),
        };

        // Some are known of hosts only, or in packets only.
        double Begins(LearnedThreshold learned) =>
            Of(learned.Vector, level, learned.Unit) ?? Of(learned.Vector, WatchLevel.Host, learned.Unit) ?? Of(TrafficVector.Total, level, learned.Unit) ?? 0;

        double? Of(TrafficVector vector, WatchLevel of, TrafficUnit unit) =>
            profile.FirstOrDefault(threshold => threshold.Vector == vector && threshold.Level == of)?.RateOf(unit);
    }

    /// <summary>
    /// The same, but nothing below a floor that somebody set. What a host may have is its block's and its object's too, beyond what these usually have, and of the
    /// whole as of its vector: who calls an anomaly none says so once, and not again for each rule that its traffic meets.
    /// </summary>
    public LearnedLevel AtLeast(IReadOnlyList<Threshold> floors, WatchLevel level)
    {
        var ours = floors.Where(floor => floor.Level <= level && floor.Direction is TrafficDirection.In).ToArray();
        return ours.Length == 0 ? this : this with
        {
            Thresholds = [.. Thresholds.Select(learned => learned with { Rate = ours.Aggregate(learned.Rate, (rate, floor) => Math.Max(rate, Least(floor, learned.Vector, learned.Unit, level, learned.Usual))) })],
        };
    }

    /// <summary>
    /// The same for what is set at a level: what somebody set themselves is raised by a floor of the same alone, what a profile guessed as what was learned is. Nothing is ever lowered.
    /// </summary>
    public Threshold AtLeast(IReadOnlyList<Threshold> floors, Threshold set, bool isGuess)
    {
        return floors.Where(floor => floor.Level <= set.Level && floor.Direction == set.Direction && (isGuess || floor.Key == set.Key)).Aggregate(set, (raised, floor) => raised with
        {
            BitsPerSecond = Most(raised, floor, TrafficUnit.Bits),
            PacketsPerSecond = Most(raised, floor, TrafficUnit.Packets),
            FlowsPerSecond = Most(raised, floor, TrafficUnit.Flows),
        });

        long? Most(Threshold raised, Threshold floor, TrafficUnit unit) => raised.RateOf(unit) is { } rate
            ? Math.Max(rate, (long)Least(floor, set.Vector, unit, set.Level, Thresholds.FirstOrDefault(learned => learned.Vector == set.Vector && learned.Unit == unit)?.Usual ?? 0))
            : null;
    }

    /// <summary>What a floor says of a vector at a level, where so much is usual; 0: nothing.</summary>
    private static double Least(Threshold floor, TrafficVector vector, TrafficUnit unit, WatchLevel level, double usual) =>
        floor.RateOf(unit) is not { } rate || (vector is not TrafficVector.Total && floor.Vector != vector) ? 0
        : floor.Vector == vector && floor.Level == level ? rate
        : usual + rate;
}
