using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Relearning;

/// <summary>How one rate was distributed: the highest second of each minute that was learned from.</summary>
internal sealed record Distribution(int Minutes, long Median, long P95, long P99, long P999, long Highest);

/// <summary>How often a threshold would have fired: runs of minutes over it, and how many of these were in minutes with an anomaly.</summary>
internal sealed record Firings(int Times, int InAnomalies);

/// <param name="Key">Whose traffic of which kind.</param>
/// <param name="Unit">Of the rates.</param>
/// <param name="Old">What is set; null: not watched.</param>
/// <param name="Proposed">What the period says.</param>
/// <param name="Seen">Evidence from the period.</param>
/// <param name="OldFired">In the last 30 days; null when nothing is set.</param>
/// <param name="ProposedFired">In the last 30 days.</param>
internal sealed record RelearnedRate(
    (TrafficVector Vector, WatchLevel Level, TrafficDirection Direction) Key,
    TrafficUnit Unit,
    long? Old,
    long Proposed,
    Distribution Seen,
    Firings? OldFired,
    Firings ProposedFired);

/// <summary>
/// What a chosen period says about the thresholds of an object, beside those that are set. Pure: the same minutes give the same report.
/// </summary>
/// <remarks>
/// Proposed is the highest second of the busy minutes (all but one in 200), with the object's margin; never below its floor's share of the whole, and
/// never below twelve sampled packets where packets are sampled, because each stands for many. What is applied is somebody's own and excuses nothing, so no
/// minute that was learned from is over it (a speed test, a crowd), up to eight times the busy minutes: nothing harmless has more. The floor is a share of the
/// whole and grows with the largest host: of vectors that no service has much of, no more is proposed than is set, or than eight times what came when that is
/// more; nor less than profiles begin with, unless less is set: a scan is no attack. Of what hardly came, and has no threshold, nothing is proposed.
/// Minutes with an anomaly teach nothing, unless it was marked false; where hardly any others are left, because what is set is far too low, the busy ones
/// teach all the same and the report says so (<see cref="IsOfAnomalies"/>). What the object had when it had other addresses is nobody's any more: minutes of
/// before its last regrouping neither teach nor are counted (<see cref="AddressesSince"/>).
/// </remarks>
/// <param name="From">From when on minutes teach (UTC): the period's start, or the last regrouping when that was later.</param>
/// <param name="Until">The period's end, exclusive (UTC).</param>
/// <param name="LearnedMinutes">Minutes that taught.</param>
/// <param name="RefusedMinutes">Minutes that did not, because of an anomaly.</param>
/// <param name="FiredMinutes">Minutes over which firings were counted.</param>
/// <param name="Rates">What is proposed.</param>
/// <param name="IsOfAnomalies">Minutes with an anomaly taught.</param>
/// <param name="AddressesSince">No minute before it counts for anything here; null: the object has had its addresses for longer.</param>
internal sealed record RelearningReport(
    DateTimeOffset From,
    DateTimeOffset Until,
    int LearnedMinutes,
    int RefusedMinutes,
    int FiredMinutes,
    IReadOnlyList<RelearnedRate> Rates,
    bool IsOfAnomalies = false,
    DateTimeOffset? AddressesSince = null)
{
    /// <summary>Fewer minutes say nothing about a threshold.</summary>
    public const int LeastMinutes = 60;

    /// <summary>Over how long firings are counted.</summary>
    public static readonly TimeSpan FiringPeriod = TimeSpan.FromDays(30);

    /// <summary>Ingestion and judges have followed a regrouping by then.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(30);

    private const double Busy = 0.995;
    private const int FewestPackets = 12;
    private const int LongPacket = 1500 * 8;
    private const double Crowd = 8; // times what came: as long as that is below what is set, a period says nothing against it
    private const double Above = 1.05; // of the highest minute: rates are kept to a hundredth
    private static readonly Amount LeastOfRare = new(5_000_000, 5_000);

    /// <summary>Another text when anything else is proposed.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(';', Rates.Select(rate =>
        string.Create(CultureInfo.InvariantCulture, $"{rate.Key.Vector.Name()}/{rate.Key.Level.Name()}/{(int)rate.Unit}={rate.Proposed}"))))))[..16];

    /// <summary>All thresholds of the object if it is applied: what is proposed, and what the report says nothing about.</summary>
    public IReadOnlyList<Threshold> Applied(IReadOnlyList<Threshold> old)
    {
        var proposed = Rates.GroupBy(rate => rate.Key).ToDictionary(same => same.Key, same => same.ToDictionary(rate => rate.Unit, rate => rate.Proposed));
        return
        [
            .. old.Select(threshold => proposed.Remove(threshold.Key, out var rates) ? With(threshold, rates) : threshold),
            .. proposed.Select(pair => With(new Threshold(pair.Key.Vector, null, null, null, pair.Key.Level, pair.Key.Direction), pair.Value)),
        ];

        static Threshold With(Threshold threshold, Dictionary<TrafficUnit, long> rates) => threshold with
        {
            BitsPerSecond = rates.TryGetValue(TrafficUnit.Bits, out var bits) ? bits : threshold.BitsPerSecond,
            PacketsPerSecond = rates.TryGetValue(TrafficUnit.Packets, out var packets) ? packets : threshold.PacketsPerSecond,
            FlowsPerSecond = rates.TryGetValue(TrafficUnit.Flows, out var flows) ? flows : threshold.FlowsPerSecond,
        };
    }

    /// <summary>The report of a period; null when too few minutes of it are known.</summary>
    /// <param name="history">The object's minutes, oldest hour first.</param>
    /// <param name="thresholds">What is set.</param>
    /// <param name="learning">Margin and floor.</param>
    /// <param name="from">Start of the period (UTC).</param>
    /// <param name="until">Its end, exclusive.</param>
    /// <param name="firedFrom">Start of the time over which firings are counted.</param>
    /// <param name="anomalies">The object's anomalies, as far as they touch any of it.</param>
    /// <param name="regroupedAt">When its addresses changed last; null: never.</param>
    public static RelearningReport? Of(
        IReadOnlyList<HistoryChunk> history,
        IReadOnlyList<Threshold> thresholds,
        LearningSettings learning,
        DateTimeOffset from,
        DateTimeOffset until,
        DateTimeOffset firedFrom,
        IReadOnlyList<AnomalyTime>? anomalies = null,
        DateTimeOffset? regroupedAt = null)
    {
        var since = regroupedAt is { } at && FirstMinuteAfter(at) is var first && (first > from || first > firedFrom) ? first : (DateTimeOffset?)null;
        from = since > from ? since.Value : from;
        firedFrom = since > firedFrom ? since.Value : firedFrom;
        var minutes = history.SelectMany(chunk => Enumerable.Range(0, 60).Where(chunk.IsSeen).Select(minute => Minute.Of(chunk, minute, anomalies ?? [])))
            .OrderBy(minute => minute.At).ToArray();
        var chosen = minutes.Where(minute => minute.At >= from && minute.At < until).ToArray();
        var learned = chosen.Where(minute => !minute.IsAnomalous).ToArray();
        var judged = minutes.Where(minute => minute.At >= firedFrom).ToArray();
        if (chosen.Length < LeastMinutes)
        {
            return null;
        }

        var isOfAnomalies = learned.Length < LeastMinutes;
        learned = isOfAnomalies ? chosen : learned;

        var grain = learned.Max(minute => minute.Chunk.Grain);
        var few = grain > 1 ? new Amount(FewestPackets * grain * LongPacket, FewestPackets * grain) : default;
        var wholes = new Dictionary<(WatchLevel, TrafficUnit), double>();
        var rates = new List<RelearnedRate>();
        foreach (var (key, unit) in Subjects(history, thresholds))
        {
            var position = HistoryChunk.Position(key.Level, key.Vector, unit);
            if (!wholes.TryGetValue((key.Level, unit), out var whole))
            {
                wholes[(key.Level, unit)] = whole = At(Sorted(learned, HistoryChunk.Position(key.Level, TrafficVector.Total, unit)), Busy);
            }

            var seen = Sorted(learned, position);
            var old = thresholds.FirstOrDefault(threshold => threshold.Key == key)?.RateOf(unit);
            var (busy, isRare) = (At(seen, Busy), ObjectBaseline.IsRare(key.Vector));
            if (old is null && (busy == 0 || whole == 0))
            {
                continue;
            }

            var harmless = isOfAnomalies ? 0 : Math.Min(Above * seen[^1], Crowd * busy);
            var least = Math.Max(Math.Max(learning.Margin * busy, learning.FloorShare * whole), Math.Max(harmless, isRare ? LeastOfRare[unit] : 0));
            var most = isRare ? Math.Max(old ?? LeastOfRare[unit], Crowd * busy) : double.PositiveInfinity;
            var wanted = Math.Max(Math.Min(least, most), few[unit]);
            var proposed = old is { } kept && (wanted == kept || wanted == 0) ? kept : Rounded(wanted);
            var lately = PerMinute(judged, position);
            rates.Add(new(
                key, unit, old, proposed, Describe(seen), old is { } set ? Count(judged, lately, set) : null, Count(judged, lately, proposed)));
        }

        return new(from, until, learned.Length, chosen.Length - learned.Length, judged.Length, rates, isOfAnomalies, since);
    }

    /// <summary>The first minute that has nothing of the addresses of before.</summary>
    public static DateTimeOffset FirstMinuteAfter(DateTimeOffset regroupedAt) =>
        DateTimeOffset.FromUnixTimeSeconds(((regroupedAt + Settling).ToUnixTimeSeconds() / 60 * 60) + 60);

    /// <summary>Everything that has a threshold, and what came of everything else that profiles watch; flows only where they are watched.</summary>
    private static IEnumerable<((TrafficVector Vector, WatchLevel Level, TrafficDirection Direction) Key, TrafficUnit Unit)> Subjects(
        IReadOnlyList<HistoryChunk> history, IReadOnlyList<Threshold> thresholds)
    {
        var came = history.SelectMany(chunk => chunk.Series).ToHashSet();
        return
            from level in Enum.GetValues<WatchLevel>()
            from vector in Enum.GetValues<TrafficVector>()
            let key = (vector, level, TrafficDirection.In)
            let set = thresholds.FirstOrDefault(threshold => threshold.Key == key)
            from unit in Enum.GetValues<TrafficUnit>()
            where set?.RateOf(unit) is not null || (set is null && unit is not TrafficUnit.Flows && came.Contains(HistoryChunk.Position(level, vector, unit)))
            select (key, unit);
    }

    /// <summary>Runs of minutes in which the highest second was over.</summary>
    private static Firings Count(Minute[] minutes, double[] rates, long threshold)
    {
        var (times, inAnomalies) = (0, 0);
        DateTimeOffset? last = null;
        var isCounted = false;
        for (var i = 0; i < minutes.Length; i++)
        {
            if (rates[i] > threshold)
            {
                var minute = minutes[i];
                var isNew = last is not { } before || minute.At - before > TimeSpan.FromMinutes(1);
                times += isNew ? 1 : 0;
                isCounted = !isNew && isCounted;
                if (minute.IsAnomalous && !isCounted)
                {
                    (inAnomalies, isCounted) = (inAnomalies + 1, true);
                }

                last = minute.At;
            }
        }

        return new(times, inAnomalies);
    }

    /// <summary>The highest second of each minute. Of each hour the series is looked up once: there are a hundred thousand minutes and a hundred rates.</summary>
    private static double[] PerMinute(Minute[] minutes, short position)
    {
        var rates = new double[minutes.Length];
        HistoryChunk? chunk = null;
        ReadOnlySpan<ushort> series = [];
        for (var i = 0; i < minutes.Length; i++)
        {
            if (!ReferenceEquals(chunk, minutes[i].Chunk))
            {
                chunk = minutes[i].Chunk;
                series = chunk.Codes(position);
            }

            rates[i] = series.IsEmpty ? 0 : HistoryChunk.Rate(series[minutes[i].Number]);
        }

        return rates;
    }

    private static double[] Sorted(Minute[] minutes, short position)
    {
        var values = PerMinute(minutes, position);
        Array.Sort(values);
        return values;
    }

    private static Distribution Describe(double[] sorted) => new(
        sorted.Length, (long)At(sorted, 0.5), (long)At(sorted, 0.95), (long)At(sorted, 0.99), (long)At(sorted, 0.999), (long)sorted[^1]);

    private static double At(double[] sorted, double share) => sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];

    /// <summary>Up to three digits: nobody means a threshold to the packet.</summary>
    private static long Rounded(double rate)
    {
        var digit = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, rate))) - 2));
        return Math.Max(1, (long)(Math.Round(rate / digit) * digit));
    }

    /// <param name="IsAnomalous">An anomaly was open that nobody marked false.</param>
    private readonly record struct Minute(HistoryChunk Chunk, int Number, DateTimeOffset At, bool IsAnomalous)
    {
        public static Minute Of(HistoryChunk chunk, int number, IReadOnlyList<AnomalyTime> anomalies)
        {
            var at = DateTimeOffset.FromUnixTimeSeconds((chunk.FirstMinute + number) * 60);
            return new(chunk, number, at, chunk.IsAnomalous(number) && !IsFalse(at, anomalies));
        }

        private static bool IsFalse(DateTimeOffset at, IReadOnlyList<AnomalyTime> anomalies)
        {
            var isFalse = false;
            foreach (var anomaly in anomalies)
            {
                if (anomaly.Touches(at))
                {
                    if (!anomaly.IsMarkedFalse)
                    {
                        return false;
                    }

                    isFalse = true;
                }
            }

            return isFalse;
        }
    }
}

/// <summary>When an anomaly of the object was open.</summary>
/// <param name="Since">From when on (UTC).</param>
/// <param name="Until">Its end (UTC); null: it is open.</param>
/// <param name="IsMarkedFalse">An operator said that it was none.</param>
internal sealed record AnomalyTime(DateTimeOffset Since, DateTimeOffset? Until, bool IsMarkedFalse)
{
    private static readonly TimeSpan Around = TimeSpan.FromMinutes(1); // seconds close up to two minutes after they were

    /// <summary>Whether a minute has something of it.</summary>
    public bool Touches(DateTimeOffset minute) => minute >= Since - Around - Around && (Until is not { } until || minute <= until + Around);
}
