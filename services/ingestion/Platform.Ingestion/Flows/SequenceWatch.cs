namespace Platform.Ingestion.Flows;

/// <summary>
/// Compares the sequence numbers of one stream of datagrams with those expected. A datagram that comes late fills the gap that it left, one that comes twice changes nothing,
/// and an exporter that starts anew is believed from its second datagram on.
/// </summary>
internal struct SequenceWatch
{
    // More at once is no loss but another count.
    private const uint LargestGap = 1_000_000;

    // How far behind a late datagram may be, in units: some hundred datagrams of records.
    private const uint Reach = 10_000;

    private uint _expected;
    private uint _missingFrom;
    private uint _missing;
    private uint _afterStepBack;
    private bool _isKnown;
    private bool _hasSteppedBack;

    /// <summary>Notes a datagram.</summary>
    /// <param name="sequence">Its number: of the first unit in it.</param>
    /// <param name="units">Datagrams (always 1) or records, whatever the numbers count.</param>
    /// <returns>Units that are missing before it; negative: units of it that had been counted as missing.</returns>
    public long Note(uint sequence, uint units)
    {
        var ahead = sequence - _expected;
        if (!_isKnown || ahead >= LargestGap)
        {
            return _isKnown ? StepBack(sequence, units) : Expect(sequence + units);
        }

        if (ahead > 0)
        {
            if (_missing == 0 || sequence - _missingFrom > Reach)
            {
                (_missingFrom, _missing) = (_expected, 0);
            }

            _missing += ahead;
        }

        _expected = sequence + units;
        _hasSteppedBack = false;
        return ahead;
    }

    /// <summary>It is not known how many units there were: begin again with the next datagram.</summary>
    public void Forget() => this = default;

    private long Expect(uint next)
    {
        this = default;
        (_isKnown, _expected) = (true, next);
        return 0;
    }

    private long StepBack(uint sequence, uint units)
    {
        if (_missing > 0 && sequence - _missingFrom < _expected - _missingFrom)
        {
            var late = Math.Min(units, _missing);
            _missing -= late;
            return -(long)late;
        }

        if (_hasSteppedBack && sequence == _afterStepBack)
        {
            return Expect(sequence + units);
        }

        (_hasSteppedBack, _afterStepBack) = (true, sequence + units);
        return 0;
    }
}
