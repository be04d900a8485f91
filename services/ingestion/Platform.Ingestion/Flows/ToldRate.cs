namespace Platform.Ingestion.Flows;

/// <summary>Tells data that waits for its template which rates came later than itself. One per exporter.</summary>
internal sealed class RateHistory
{
    /// <summary>Which rates are known now: grows with every change of one. Data that waits keeps it; 0 means data that does not.</summary>
    public long Now { get; private set; } = 1;

    /// <summary>That of the oldest data that waits; <see cref="long.MaxValue"/> when none does.</summary>
    public long OldestWaiting { get; set; } = long.MaxValue;

    public long Change() => ++Now;
}

/// <summary>One packet in N, as options data told it, and as it was told before for data that came before.</summary>
internal struct ToldRate
{
    private uint _before;
    private long _changed;

    /// <summary>Now; 0 when nobody told.</summary>
    public uint Rate { get; private set; }

    /// <summary>When data came of which <see cref="RateHistory.Now"/> was this.</summary>
    public readonly uint At(long asOf) => asOf != 0 && asOf < _changed ? _before : Rate;

    public void Set(uint rate, RateHistory history)
    {
        if (Rate == rate)
        {
            return;
        }

        // What came before the first of several changes keeps what was told then; that data waits through two of them is rare.
        if (_before == 0 || history.OldestWaiting >= _changed)
        {
            _before = Rate;
        }

        Rate = rate;
        _changed = history.Change();
    }
}
