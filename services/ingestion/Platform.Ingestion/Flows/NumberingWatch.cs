namespace Platform.Ingestion.Flows;

/// <summary>
/// Finds out whether a NetFlow v9 exporter numbers its datagrams, as RFC 3954 section 5.1 says, or the records in them, as some do: those would look as if they lost
/// nearly everything. Believed when the numbers of several datagrams in a row fit nothing else.
/// </summary>
internal struct NumberingWatch
{
    private const int Convincing = 8;

    private uint _sequence;
    private int _records;
    private int _run;
    private long _missing;

    /// <summary>The numbers count records.</summary>
    public bool CountsRecords { get; private set; }

    /// <summary>Notes a datagram.</summary>
    /// <param name="records">Data records in it; below zero when that is not known.</param>
    /// <param name="missing">What was counted as missing before it.</param>
    /// <returns>True: the numbers count something else than was believed, and <paramref name="mistaken"/> units were counted as missing because of that.</returns>
    public bool Note(uint sequence, int records, long missing, out long mistaken)
    {
        mistaken = 0;
        var step = sequence - _sequence;
        if (_records > 1 && step == (CountsRecords ? 1 : (uint)_records))
        {
            _run++;
            _missing += missing;
        }
        else if (_records != 1) // one record: both fit
        {
            (_run, _missing) = (0, 0);
        }

        (_sequence, _records) = (sequence, records);
        if (_run < Convincing)
        {
            return false;
        }

        (CountsRecords, mistaken) = (!CountsRecords, _missing);
        (_run, _missing) = (0, 0);
        return true;
    }
}
