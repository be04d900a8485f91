namespace Platform.Ingestion.Flows;

/// <summary>Rates that options data told for samplers, interfaces and templates of one observation domain, and for all of it.</summary>
internal sealed class SamplingRates
{
    private readonly Dictionary<ulong, uint> _rates = []; // read for each record of an exporter that names samplers
    private readonly Dictionary<uint, int> _samplersOfRate = [];

    /// <summary>Rate for everything in this domain that has no closer one; 0 when unknown.</summary>
    public uint Default { get; set; }

    /// <summary>The rate on which all known samplers agree; 0 when they do not, or there is none. For flows that name no sampler.</summary>
    public uint OfAllSamplers { get; private set; }

    public bool HasInterfaces { get; private set; }

    public bool HasTemplates { get; private set; }

    public int Count => _rates.Count;

    /// <summary>Every rate, for people to look at.</summary>
    public IEnumerable<(SamplingSource Of, uint Id, uint Rate)> All => _rates.Select(rate => ((SamplingSource)(rate.Key >> 32), (uint)rate.Key, rate.Value));

    public bool Knows(SamplingSource of, uint id) => _rates.ContainsKey(Key(of, id));

    public bool TryGet(SamplingSource of, uint id, out uint rate) => _rates.TryGetValue(Key(of, id), out rate);

    public void Set(SamplingSource of, uint id, uint rate)
    {
        var before = _rates.GetValueOrDefault(Key(of, id));
        if (before == rate)
        {
            return;
        }

        _rates[Key(of, id)] = rate;
        HasInterfaces |= of == SamplingSource.Interface;
        HasTemplates |= of == SamplingSource.Template;
        if (of == SamplingSource.Sampler)
        {
            Agree(before, rate);
        }
    }

    private static ulong Key(SamplingSource of, uint id) => (ulong)of << 32 | id;

    // Counted, not looked for: an exporter may change one of thousands with every record.
    private void Agree(uint before, uint rate)
    {
        if (before != 0 && --_samplersOfRate[before] == 0)
        {
            _samplersOfRate.Remove(before);
        }

        _samplersOfRate[rate] = _samplersOfRate.GetValueOrDefault(rate) + 1;
        OfAllSamplers = _samplersOfRate.Count == 1 ? rate : 0;
    }
}
