using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What is remembered of a target while it is near a threshold, while an anomaly is open, and for a while after its end.</summary>
internal sealed class Episode
{
    /// <summary>A rise after a pause of at least this long is another pulse.</summary>
    private static readonly TimeSpan PulsePause = TimeSpan.FromSeconds(2);

    /// <summary>So long a host that is one of many waits for its block to be over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>A pulse is over so soon after it was near.</summary>
    private static readonly TimeSpan LongestRise = TimeSpan.FromSeconds(5);

    /// <param name="most">Of an anomaly that another process judged: what it measured.</param>
    public Episode(IEnumerable<VectorMeasurement>? most = null) => _most = [.. most ?? []];

    /// <summary>State of the target's stream as far as this process knows; the stream itself has the last word.</summary>
    public AnomalyState State { get; set; } = AnomalyState.Quiet;

    /// <summary>A finding about this target is being recorded; until then nothing further is decided about it.</summary>
    public bool IsDeciding { get; set; }

    /// <summary>The narrower target whose anomaly it is a part of; null: of none.</summary>
    public TargetWatch? Home { get; set; }

    /// <summary>Wider targets that were over since this anomaly opened, and belong to it.</summary>
    public List<TargetWatch> Joined { get; } = [];

    /// <summary>Its traffic belongs to an anomaly, its own or the one that it joined.</summary>
    public bool IsCovering => State.Open is not null || IsDeciding || Home is not null;

    /// <summary>The open anomaly that its traffic belongs to; null: none, or it is being recorded.</summary>
    public AnomalyState? Open => (Home?.Episode ?? this).State is { Open: not null } open ? open : null;

    /// <summary>This second has grown and is to be judged. True: nothing else is.</summary>
    public bool Touch(long second)
    {
        if (_touched == long.MinValue)
        {
            _touched = second;
            return true;
        }

        if (_touched != second && _touchedToo?.Contains(second) != true)
        {
            (_touchedToo ??= []).Add(second);
        }

        return false;
    }

    /// <summary>The seconds that are to be judged, which they are now.</summary>
    public IReadOnlyList<long> TakeTouched()
    {
        if (_touched == long.MinValue)
        {
            return [];
        }

        IReadOnlyList<long> seconds = _touchedToo is null ? [_touched] : [_touched, .. _touchedToo];
        (_touched, _touchedToo) = (long.MinValue, null);
        return seconds;
    }

    /// <summary>When it was last asked which prefixes the anomaly is spread over.</summary>
    public DateTimeOffset SpreadAt { get; set; }

    /// <summary>Whether one of these was over while the anomaly is open.</summary>
    public bool Has(IEnumerable<VectorMeasurement> over) =>
        over.Any(vector => State.Vectors.Contains(vector.Vector) || _most.Exists(known => known.Vector == vector.Vector));

    /// <summary>Vectors that were over while the anomaly is open.</summary>
    public IEnumerable<TrafficVector> Vectors => State.Vectors.Concat(_most.Select(known => known.Vector)).Distinct();

    /// <summary>When traffic of one second was last seen near a threshold.</summary>
    public DateTimeOffset LastHigh { get; private set; }

    /// <summary>How long telemetry had been there by then; see <see cref="TelemetryPresence"/>.</summary>
    public TimeSpan PresentAtHigh { get; private set; }

    /// <summary>The newest second that was near a threshold, seconds since 1970.</summary>
    public long LastHighSecond { get; private set; }

    public Amount Peak { get; private set; }

    /// <summary>Rises after pauses, the first included.</summary>
    public int Pulses { get; private set; } = 1;

    /// <summary>The rule of a wider level that opened the anomaly; null: it was another one.</summary>
    public Hold? Hold { get; set; }

    /// <summary>It was opened because many of its hosts are over by themselves: they keep it open.</summary>
    public bool IsSpread { get; set; }

    /// <summary>Its own level's rules did not open it, so being near them says nothing.</summary>
    public bool IsOpenedElsewhere => Hold is not null || IsSpread;

    /// <summary>What is remembered of an open anomaly beside its stream.</summary>
    public EpisodeMemory Memory => new(
        Pulses,
        _longestPause,
        IsSpread,
        Hold is { } hold ? new HoldMemory(hold.Wide.Level, hold.Vector, hold.Unit, hold.Rate, hold.Burst) : null,
        [.. _most],
        Joined.Count > 0 ? [.. Joined.Select(joined => joined.Level)] : null);

    /// <summary>Of each vector that was over, of each level, the most that was measured while the anomaly is open.</summary>
    public IReadOnlyList<VectorMeasurement> Most => _most;

    private readonly List<VectorMeasurement> _most;
    private long _touched = long.MinValue;
    private List<long>? _touchedToo; // in a batch most have one second
    private TimeSpan _longestPause;
    private TimeSpan _pause; // the last one, until what came after it is over
    private DateTimeOffset _pausedUntil;
    private DateTimeOffset? _waitsSince;
    private DateTimeOffset? _endedAt; // when the last anomaly was last high

    /// <summary>Goes on with what another process remembered. What nobody saw since is neither quiet nor a pause.</summary>
    /// <param name="open">The anomaly.</param>
    /// <param name="hold">The wider rule that opened it, if one did.</param>
    /// <param name="present">How long telemetry has been there by now.</param>
    public static Episode Resume(OpenAnomaly open, Hold? hold, TimeSpan present) => new(open.Memory?.Most)
    {
        LastHigh = open.Beat > 0 ? DateTimeOffset.FromUnixTimeMilliseconds(open.Beat) : open.State.DetectedAt,
        PresentAtHigh = present,
        LastHighSecond = open.Until.ToUnixTimeSeconds() - 1,
        Peak = new Amount(open.PeakBitsPerSecond, open.PeakPacketsPerSecond),
        Pulses = open.Memory?.Pulses ?? open.State.Pulses,
        _longestPause = open.Memory?.LongestPause ?? TimeSpan.Zero,
        IsSpread = open.Memory?.IsSpread == true,
        Hold = hold,
    };

    /// <summary>Of a host of which another process knew no more than that.</summary>
    public static Episode OverBetween(long since, long until) => new() { OverSince = since, OverUntil = until };

    /// <summary>How long it must be quiet before it ends: longer than its pauses were, so that a pulse wave is one anomaly.</summary>
    public TimeSpan QuietFor(AnomalyOptions options)
    {
        var paused = _longestPause * 2.5;
        return paused <= options.QuietFor ? options.QuietFor : paused < options.LongestPause ? paused : options.LongestPause;
    }

    /// <summary>Whether it may wait longer before it opens an anomaly.</summary>
    public bool Waits(DateTimeOffset now)
    {
        _waitsSince = _waitsSince is { } since && now - since < 2 * Patience ? since : now; // else that was another story
        return now - _waitsSince < Patience;
    }

    /// <summary>An anomaly begins: what came before it is no pulse of it, unless it is the anomaly that ended a moment ago.</summary>
    public void Begin(DateTimeOffset now, AnomalyOptions options)
    {
        if (_endedAt is not { } ended || now - ended > 2 * QuietFor(options)) // once until it ended, once since
        {
            (_longestPause, Pulses) = (TimeSpan.Zero, 1);
        }

        _most.Clear();
    }

    public void End() => _endedAt = LastHigh;

    /// <summary>What was over in a second, as far as it is known.</summary>
    public void Note(params IReadOnlyList<VectorMeasurement> over)
    {
        for (var i = 0; i < over.Count; i++)
        {
            var at = 0;
            while (at < _most.Count && (_most[at].Vector != over[i].Vector || _most[at].Level != over[i].Level))
            {
                at++;
            }

            if (at == _most.Count)
            {
                _most.Add(over[i]);
            }
            else
            {
                _most[at] = _most[at].With(over[i]);
            }
        }
    }

    /// <param name="isOver">It is over, and not only near: what was carried on drains in single sampled packets, and those are no pulses.</param>
    public void High(long second, Amount total, DateTimeOffset now, TimeSpan present, TimeSpan longestPause, bool isOver)
    {
        // A pause that nobody saw is none.
        if (LastHigh != default && now - LastHigh is var pause && pause >= PulsePause && pause <= present - PresentAtHigh)
        {
            (_pause, _pausedUntil) = (pause, now);
        }

        if (isOver && _pause > TimeSpan.Zero)
        {
            if (_pause > longestPause)
            {
                (_longestPause, Pulses) = (TimeSpan.Zero, 1); // another story
            }
            else if (now - _pausedUntil <= LongestRise) // else it was near for a while
            {
                _longestPause = _pause > _longestPause ? _pause : _longestPause;
                Pulses++;
            }

            _pause = TimeSpan.Zero;
        }

        (LastHigh, PresentAtHigh) = (now, present);
        LastHighSecond = Math.Max(LastHighSecond, second);
        Peak = IsCovering ? Amount.Max(Peak, total) : total; // what was near the threshold before an anomaly is not its peak
    }

    /// <summary>The first of the seconds in a row in which it was over, and the last; of nothing seen: long ago.</summary>
    public long OverSince { get; private set; } = long.MinValue / 2;

    public long OverUntil { get; private set; } = long.MinValue / 2;

    /// <summary>For how many seconds in a row it has been over, this one included.</summary>
    public long Over(long second)
    {
        OverSince = second > OverUntil + 1 ? second : OverSince;
        OverUntil = Math.Max(OverUntil, second);
        return OverUntil - OverSince + 1;
    }
}

/// <summary>
/// What a wider level was held against: the anomaly is still high while it would be over with what was taken out of it. What was learned may be exceeded by
/// single seconds, of every day; they add up as they do for the rule itself.
/// </summary>
/// <param name="wide">The wider target, which what is named is no part of any more.</param>
/// <param name="vector">Its vector.</param>
/// <param name="unit">In which it was over.</param>
/// <param name="rate">What it may have for as long as it likes.</param>
/// <param name="burst">What single seconds may have beyond it; 0: nothing, it is set or guessed for each second.</param>
internal sealed class Hold(TargetWatch wide, TrafficVector vector, TrafficUnit unit, long rate, double burst)
{
    private const int Kept = 12; // seconds; no more are kept by default
    private const double MostOwed = 0.4; // of the burst: what is beyond says nothing more, and would have to be made up for before the end is seen
    private readonly bool _isSet = burst == 0;
    private double _left; // of the burst: it was used up when the anomaly opened
    private long _closed = long.MinValue;

    public TargetWatch Wide => wide;

    public TrafficVector Vector => vector;

    public TrafficUnit Unit => unit;

    public long Rate { get; private set; } = rate;

    public double Burst { get; private set; } = burst;

    /// <summary>
    /// The rule as it is now: somebody may have changed it, and each hour has its own. One that is gone holds nothing; while nothing is learned, as after a crash,
    /// the old one stands.
    /// </summary>
    public void Follow(LevelRules rules, bool isLearningApplied)
    {
        if (_isSet)
        {
            Rate = rules.SetRate(Vector, Unit) ?? long.MaxValue;
        }
        else if (rules.Learned.Thresholds.FirstOrDefault(threshold => threshold.Vector == Vector && threshold.Unit == Unit) is { } adds) // learned, or guessed
        {
            (Rate, Burst) = ((long)adds.Rate, rules.LowShare * adds.Burst);
        }
        else if (!isLearningApplied || rules.Learned.Thresholds.Count > 0)
        {
            (Rate, Burst) = (long.MaxValue, 0);
        }
    }

    /// <param name="settleSeconds">How far behind the newest second nearly everything has come.</param>
    public bool IsHigh(TargetWatch named, in SecondTraffic traffic, long second, int settleSeconds)
    {
        var (theirs, all) = (traffic[Vector][Unit], traffic[Vector][Unit] + Rest(second));
        Carry(named, until: second - settleSeconds);
        return theirs > 0 && all - Math.Max(0, _left) > Rate; // the rate may be as large as can be
    }

    private void Carry(TargetWatch named, long until)
    {
        if (Burst == 0 || until <= _closed)
        {
            return;
        }

        _closed = _closed == long.MinValue ? until - 1 : _closed;
        _left = Math.Min(Burst, _left + (Math.Max(0, until - Kept - _closed) * (double)Rate)); // nobody asked: there was nothing
        for (_closed = Math.Max(_closed, until - Kept); _closed < until; _closed++)
        {
            var all = (double)named.At(_closed)[Vector][Unit] + Wide.At(_closed)[Vector][Unit];
            _left = Math.Clamp(_left + Rate - all, -MostOwed * Burst, Burst);
        }
    }

    /// <summary>Whether this second is over by itself, whatever was left.</summary>
    public bool IsOver(in SecondTraffic traffic, long second) => traffic[Vector][Unit] + Rest(second) - Burst > Rate;

    // Of a second that is under way the rest may be still to come: the one before says as much.
    private double Rest(long second) => Math.Max(Wide.At(second)[Vector][Unit], Wide.At(second - 1)[Vector][Unit]);

    /// <summary>What the wider level would have with what was taken out of it.</summary>
    public VectorMeasurement Measure(in SecondTraffic named, long second)
    {
        var all = Amount.Max(Wide.At(second)[Vector], Wide.At(second - 1)[Vector]) + named[Vector];
        return new(
            Vector,
            all.Bits,
            all.Packets,
            Unit is TrafficUnit.Bits ? Rate : null,
            Unit is TrafficUnit.Packets ? Rate : null,
            Unit is TrafficUnit.Flows ? all.Flows : null,
            Unit is TrafficUnit.Flows ? Rate : null,
            Level: Wide.Level);
    }
}

/// <summary>What a judge remembers of an open anomaly beside what its stream says, for whoever goes on with it.</summary>
/// <param name="Pulses">Rises after pauses, the first included.</param>
/// <param name="LongestPause">Between two of them.</param>
/// <param name="IsSpread">Its hosts keep it open.</param>
/// <param name="Hold">The rule of a wider level that opened it; null: it was another one.</param>
/// <param name="Most">Of each vector that was over the most that was measured.</param>
/// <param name="Joined">Levels around the target that belong to the anomaly since; null: none.</param>
/// <param name="Rotation">Hosts of its block that were over one after the other; null: none were.</param>
internal sealed record EpisodeMemory(
    int Pulses,
    TimeSpan LongestPause,
    bool IsSpread,
    HoldMemory? Hold,
    IReadOnlyList<VectorMeasurement>? Most = null,
    IReadOnlyList<WatchLevel>? Joined = null,
    RotationMemory? Rotation = null);

/// <param name="Level">Of the wider target.</param>
/// <param name="Vector">Its vector.</param>
/// <param name="Unit">In which it was over.</param>
/// <param name="Rate">What it may have for as long as it likes.</param>
/// <param name="Burst">What single seconds may have beyond it.</param>
internal sealed record HoldMemory(WatchLevel Level, TrafficVector Vector, TrafficUnit Unit, long Rate, double Burst = 0);
