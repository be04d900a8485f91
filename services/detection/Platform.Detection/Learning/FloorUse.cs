using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Learning;

/// <summary>What the weeks since say about a floor out of an anomaly that was none.</summary>
internal enum FloorUse
{
    /// <summary>Something came that would be over without it, or too little was seen to say.</summary>
    Needed,

    /// <summary>Nothing came within half of it.</summary>
    Unused,

    /// <summary>What came is allowed without it: learning has caught up.</summary>
    Learned,
}

/// <summary>Whether a floor was needed, from the minutes of its hours. Pure.</summary>
internal static class FloorUses
{
    private const double Near = 0.5; // of the floor
    private const int LeastDays = 21; // of four weeks, on which telemetry was there

    /// <param name="mark">The floor.</param>
    /// <param name="watched">The object.</param>
    /// <param name="baseline">What was learned by now.</param>
    /// <param name="minutes">The object's, of which level the busiest: whose they were is not known. Those with an anomaly say nothing.</param>
    /// <param name="now">Looked at are four weeks up to then (UTC).</param>
    public static FloorUse Of(MarkedFloor mark, WatchedObject watched, ObjectBaseline baseline, IReadOnlyList<HistoryChunk> minutes, DateTimeOffset now)
    {
        var (hours, from, until) = (mark.Hours(baseline.Hours), (now - MarkedFloor.EndsAfter).ToUnixTimeSeconds() / 60, now.ToUnixTimeSeconds() / 60);
        var (days, hasCome) = (new HashSet<long>(), false);
        var rules = new Dictionary<(WatchLevel Level, int Hour), LevelRules>();
        foreach (var chunk in minutes)
        {
            var hour = baseline.Hours.Of(chunk.FirstMinute * 60);
            for (var i = 0; i < 60; i++)
            {
                var minute = chunk.FirstMinute + i;
                if (minute < from || minute >= until || !chunk.IsSeen(i))
                {
                    continue;
                }

                days.Add((minute - from) / (24 * 60));
                hour = minute % 15 == 0 ? baseline.Hours.Of(minute * 60) : hour; // zones differ by quarters of an hour
                if (!hours.Has(hour) || chunk.IsAnomalous(i))
                {
                    continue;
                }

                foreach (var floor in mark.Least)
                {
                    foreach (var unit in (TrafficUnit[])[TrafficUnit.Bits, TrafficUnit.Packets, TrafficUnit.Flows])
                    {
                        if (floor.RateOf(unit) is { } rate && Had(chunk, i, floor.Level, floor.Vector, unit) >= Near * rate)
                        {
                            hasCome = true;
                            if (Lifted(floor).Any(one => Had(chunk, i, one.Level, one.Vector, unit) > Allowed(one.Level, one.Vector, unit, hour)))
                            {
                                return FloorUse.Needed;
                            }
                        }
                    }
                }
            }
        }

        return days.Count < LeastDays ? FloorUse.Needed : hasCome ? FloorUse.Learned : FloorUse.Unused;

        double Allowed(WatchLevel level, TrafficVector vector, TrafficUnit unit, int hour)
        {
            if (!rules.TryGetValue((level, hour), out var without))
            {
                rules.Add((level, hour), without = watched.RulesAt(level, TrafficDirection.In, hour, baseline, marked: [], grain: 1, lowShare: 1));
            }

            var learned = without.Learned.Thresholds.Where(one => one.Vector == vector && one.Unit == unit && !one.IsGuess).Select(one => one.Rate).DefaultIfEmpty(double.MaxValue).Min();
            return Math.Min(learned, without.SetRate(vector, unit) ?? double.MaxValue);
        }
    }

    private static double Had(HistoryChunk chunk, int minute, WatchLevel level, TrafficVector vector, TrafficUnit unit) =>
        chunk.Codes(HistoryChunk.Position(level, vector, unit)) is { Length: > 0 } codes ? HistoryChunk.Rate(codes[minute]) : 0;

    /// <summary>What a floor lets pass elsewhere as well.</summary>
    private static IEnumerable<(WatchLevel Level, TrafficVector Vector)> Lifted(Threshold floor) =>
        from level in Enum.GetValues<WatchLevel>()
        where level >= floor.Level
        from vector in (TrafficVector[])[floor.Vector, TrafficVector.Total]
        select (level, vector);
}
