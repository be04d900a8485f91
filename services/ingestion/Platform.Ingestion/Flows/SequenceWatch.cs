namespace Platform.Ingestion.Flows;

/// <summary>
/// Compares the sequence numbers of one stream of datagrams with those expected. A datagram that comes late fills the gap that it left, one that comes twice changes nothing,
/// and an exporter that starts anew is believed from its second datagram on. A jump ahead is loss as long as an exporter can have sent so much since its last datagram;
/// further ahead, or back, it is another count.
/// </summary>
internal struct SequenceWatch
{
    // What the fastest exporter sends (20 million records a second), and how late one datagram may be told against another.
    private const long MostPerMs = 20_000;
    private const long JitterMs = 1000;

    // How far behind a late datagram may be, in units: some hundred datagrams of records.
    private const uint Reach = 10_000;

    private const int MostGaps = 32;

    private List<(uint From, uint Units)>? _gaps; // what is missing still, oldest first
    private long _lastMs;
    private uint _expected;
    private uint _afterStepBack;
    private bool _isKnown;
    private bool _hasSteppedBack;

    /// <summary>The datagram noted last showed that the count began anew with the one before it.</summary>
    public bool HasRestarted { get; private set; }

    /// <summary>Notes a datagram.</summary>
    /// <param name="sequence">Its number: of the first unit in it.</param>
    /// <param name="units">Datagrams (always 1) or records, whatever the numbers count.</param>
    /// <param name="receivedMs">When it came.</param>
    /// <returns>Units that are missing before it; negative: units of it that had been counted as missing.</returns>
    public long Note(uint sequence, uint units, long receivedMs)
    {
        HasRestarted = false;
        var ahead = sequence - _expected;
        var most = Math.Min(int.MaxValue, (Math.Max(0, receivedMs - _lastMs) + JitterMs) * MostPerMs);
        _lastMs = receivedMs;
        if (!_isKnown)
        {
            return Expect(sequence + units);
        }

        if (ahead > most)
        {
            return StepBack(sequence, units);
        }

        if (ahead > 0)
        {
            Keep((_gaps ??= []).Count, _expected, ahead);
        }

        _expected = sequence + units;
        _hasSteppedBack = false;
        return ahead;
    }

    /// <summary>It is not known how many units there were: begin again with the next datagram.</summary>
    public void Forget() => this = default;

    private long Expect(uint next)
    {
        this = new SequenceWatch { _isKnown = true, _expected = next, _lastMs = _lastMs };
        return 0;
    }

    private long StepBack(uint sequence, uint units)
    {
        if (Fill(sequence, units) is > 0 and var late)
        {
            return -late;
        }

        if (_hasSteppedBack && sequence == _afterStepBack)
        {
            Expect(sequence + units);
            HasRestarted = true;
            return 0;
        }

        (_hasSteppedBack, _afterStepBack) = (true, sequence + units);
        return 0;
    }

    // Takes what has come late out of the gaps, so that it fills them once.
    private readonly long Fill(uint sequence, uint units)
    {
        var filled = 0L;
        if (_gaps is null || _expected - sequence > Reach)
        {
            return 0;
        }

        for (var i = _gaps.Count - 1; i >= 0; i--)
        {
            var (from, missing) = _gaps[i];
            long at = (int)(sequence - from);
            var (first, end) = (Math.Max(0, at), Math.Min(missing, at + units));
            if (first >= end)
            {
                continue;
            }

            filled += end - first;
            _gaps.RemoveAt(i);
            if (end < missing)
            {
                Keep(i, from + (uint)end, (uint)(missing - end));
            }

            if (first > 0)
            {
                Keep(Math.Min(i, _gaps.Count), from, (uint)first);
            }
        }

        return filled;
    }

    private readonly void Keep(int place, uint from, uint units)
    {
        _gaps!.Insert(place, (from, units));
        if (_gaps.Count > MostGaps)
        {
            _gaps.RemoveAt(0);
        }
    }
}
