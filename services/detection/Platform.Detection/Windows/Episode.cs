using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What is remembered of a target while it is near a threshold, while an anomaly is open, and for a while after its end.</summary>
internal sealed class Episode
{
    /// <summary>A rise after a pause of at least this long is another pulse.</summary>
    private static readonly TimeSpan PulsePause = TimeSpan.FromSeconds(2);

    /// <summary>State of the target's stream as far as this process knows; the stream itself has the last word.</summary>
    public AnomalyState State { get; set; } = AnomalyState.Quiet;

    /// <summary>A finding about this target is being recorded; until then nothing further is decided about it.</summary>
    public bool IsDeciding { get; set; }

    /// <summary>Its traffic belongs to an anomaly of its own.</summary>
    public bool IsCovering => State.Open is not null || IsDeciding;

    /// <summary>When traffic of one second was last seen near a threshold.</summary>
    public DateTimeOffset LastHigh { get; private set; }

    /// <summary>How long telemetry had been there by then; see <see cref="TelemetryPresence"/>.</summary>
    public TimeSpan PresentAtHigh { get; private set; }

    /// <summary>The newest second that was near a threshold, seconds since 1970.</summary>
    public long LastHighSecond { get; private set; }

    public Amount Peak { get; private set; }

    /// <summary>Rises after pauses, the first included.</summary>
    public int Pulses { get; private set; } = 1;

    /// <summary>Traffic above this is still the anomaly, when it was opened by a rule of a wider level.</summary>
    public (TrafficVector Vector, TrafficUnit Unit, long Amount)? Hold { get; set; }

    private TimeSpan _longestPause;
    private long _overSince = long.MinValue;
    private long _overUntil = long.MinValue;

    /// <summary>How long it must be quiet before it ends: longer than its pauses were, so that a pulse wave is one anomaly.</summary>
    public TimeSpan QuietFor(AnomalyOptions options)
    {
        var paused = _longestPause * 2.5;
        return paused <= options.QuietFor ? options.QuietFor : paused < options.LongestPause ? paused : options.LongestPause;
    }

    public void High(long second, Amount total, DateTimeOffset now, TimeSpan present, TimeSpan longestPause)
    {
        // A pause that nobody saw is none.
        if (LastHigh != default && now - LastHigh is var pause && pause >= PulsePause && pause <= present - PresentAtHigh)
        {
            if (pause > longestPause)
            {
                (_longestPause, Pulses) = (TimeSpan.Zero, 1); // another story
            }
            else
            {
                _longestPause = pause > _longestPause ? pause : _longestPause;
                Pulses++;
            }
        }

        (LastHigh, PresentAtHigh) = (now, present);
        LastHighSecond = Math.Max(LastHighSecond, second);
        Peak = IsCovering ? Amount.Max(Peak, total) : total; // what was near the threshold before an anomaly is not its peak
    }

    /// <summary>For how many seconds in a row it has been over, this one included.</summary>
    public long Over(long second)
    {
        _overSince = second > _overUntil + 1 ? second : _overSince;
        _overUntil = Math.Max(_overUntil, second);
        return _overUntil - _overSince + 1;
    }
}
