using Platform.Detection.Windows;

namespace Platform.Detection.Bandwidth;

/// <summary>
/// Minutes of an object's whole traffic, held against what its contract declares (of objects that share a contract: handed on, see <see cref="SharedUse"/>). A minute in which an anomaly was open says nothing: attacks are
/// reported as attacks. Neither does a minute that telemetry was missing in, unless it is above all the same. Not for several threads.
/// </summary>
internal sealed class DeclaredUse
{
    /// <summary>So many minutes within, one after the other, end an excess.</summary>
    public const int CalmMinutes = 5;

    /// <summary>The one under way, since 1970.</summary>
    public long Minute { get; private set; } = long.MinValue;

    private long _bits;
    private bool _isAttacked;
    private int _calm;
    private bool? _isAbove; // null: another process may have said so
    private long _lastAbove;
    private long _peak;
    private long _told; // of the busiest minute that was told

    /// <summary>Adds an increment; gives back what a minute that is over says, when it is news.</summary>
    /// <param name="thereSince">Since when telemetry is there without a gap.</param>
    public Use? Add(WatchedObject watched, long second, long bits, bool isAttacked, DateTimeOffset thereSince, DateTimeOffset now)
    {
        var use = End(watched, second / 60, thereSince, now);
        _bits = _bits > long.MaxValue - bits ? long.MaxValue : _bits + bits;
        _isAttacked |= isAttacked;
        return use;
    }

    /// <summary>So much of the minute under way turned out to belong to an anomaly.</summary>
    public void TakeOut(long bits) => _bits = Math.Max(0, _bits - bits);

    /// <summary>Some of the minute under way belongs to an anomaly, and nobody knows how much.</summary>
    public void Refuse() => _isAttacked = true;

    /// <summary>Time passed, with or without traffic.</summary>
    public Use? End(WatchedObject watched, long minute, DateTimeOffset thereSince, DateTimeOffset now)
    {
        if (minute <= Minute)
        {
            return null;
        }

        var (ended, sum, isAttacked) = (Minute, _bits, _isAttacked);
        var bits = sum / 60;
        var known = (thereSince.ToUnixTimeSeconds() + 59) / 60; // the first minute that was seen whole
        var silent = Minute == long.MinValue ? 0 : (int)Math.Clamp(minute - Math.Max(Minute + 1, known), 0, CalmMinutes);
        (Minute, _bits, _isAttacked) = (minute, 0, false);
        if (watched.IsShared)
        {
            (_isAbove, _calm, _peak, _told, _lastAbove) = (null, 0, 0, 0, 0); // others say so now
            return sum > 0 || isAttacked ? new UsedMinute(watched.TenantId, watched.ServiceCode, watched.ObjectId, ended, sum, isAttacked) : null;
        }

        var declared = watched.Settings?.DeclaredBitsPerSecond ?? 0;
        if (ended == long.MinValue || isAttacked || declared <= 0)
        {
            return null;
        }

        if (bits > declared)
        {
            (_calm, _lastAbove, _peak) = (0, ended, Math.Max(_peak, bits));
            var isNews = _isAbove is not true || BandwidthDecider.IsGrowth(bits, _told);
            _told = isNews ? Math.Max(_told, bits) : _told;
            _isAbove = _isAbove is true || ended >= known ? true : null; // a minute of before our time may be of an excess that is over: the next one is told too
            return isNews ? Say(bits, ended) : null;
        }

        _calm = ended >= known ? _calm + 1 + silent : silent;
        if (_isAbove is false || _calm < CalmMinutes)
        {
            return null;
        }

        var use = Say(0, _lastAbove == 0 ? ended : _lastAbove + 1) with { Peak = _peak };
        (_isAbove, _peak, _told, _lastAbove) = (false, 0, 0, 0);
        return use;

        UseChanged Say(long measured, long at) => new(
            watched.TenantId,
            new MeasureUse(watched.ObjectId, watched.ServiceCode, declared, measured, DateTimeOffset.FromUnixTimeSeconds(at * 60), now));
    }
}

/// <summary>What a minute said.</summary>
internal abstract record Use(Guid TenantId);

/// <summary>An excess begins, grows or ends.</summary>
/// <param name="Peak">Mean of the busiest minute since it began.</param>
internal sealed record UseChanged(Guid TenantId, MeasureUse Measured, long Peak = 0) : Use(TenantId);

/// <summary>A minute of one of several objects of a contract: only together they say something.</summary>
/// <param name="Minute">Minutes since 1970.</param>
/// <param name="Bits">All of its bits.</param>
/// <param name="IsAttacked">An anomaly was open.</param>
internal sealed record UsedMinute(Guid TenantId, string ServiceCode, Guid ObjectId, long Minute, long Bits, bool IsAttacked) : Use(TenantId);
