namespace Platform.Detection.Windows;

/// <summary>
/// For how long telemetry has been there: what nobody measured was not quiet. Each sign of life (a batch, or ingestion's beat) speaks for the time
/// before it, but for a few seconds at most. A beat is read behind the batches that were sent before it, so a reader that lags is no quiet either.
/// </summary>
/// <param name="longestGap">So much of a silence counts.</param>
internal sealed class TelemetryPresence(TimeSpan longestGap)
{
    private readonly Lock _gate = new();
    private DateTimeOffset? _heard;
    private DateTimeOffset _since;
    private DateTimeOffset _gone = DateTimeOffset.MinValue;
    private TimeSpan _present;

    public void Hear(DateTimeOffset now)
    {
        lock (_gate)
        {
            if (_heard is not { } before || now - before > longestGap)
            {
                (_since, _gone) = (now, _heard ?? DateTimeOffset.MinValue);
            }

            _present += SinceHeard(now);
            _heard = now;
        }
    }

    /// <summary>Since when it is there without a gap; the end of time while it is missing.</summary>
    public DateTimeOffset Since(DateTimeOffset now)
    {
        lock (_gate)
        {
            return _heard is { } heard && now - heard <= longestGap ? _since : DateTimeOffset.MaxValue;
        }
    }

    /// <summary>The last sign of it before the newest gap.</summary>
    public DateTimeOffset Gone
    {
        get
        {
            lock (_gate)
            {
                return _gone;
            }
        }
    }

    /// <summary>How long it was there in all; only differences mean something.</summary>
    public TimeSpan At(DateTimeOffset now)
    {
        lock (_gate)
        {
            return _present + SinceHeard(now);
        }
    }

    private TimeSpan SinceHeard(DateTimeOffset now)
    {
        var gap = now - (_heard ?? now);
        return gap <= TimeSpan.Zero ? TimeSpan.Zero : gap < longestGap ? gap : longestGap;
    }
}
