using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>Rates that options data told for samplers, interfaces and templates of one observation domain, and for all of it.</summary>
internal sealed class SamplingRates(RateHistory history)
{
    private readonly Dictionary<ulong, ToldRate> _rates = []; // read for each record of an exporter that names samplers
    private readonly Dictionary<uint, int> _samplersOfRate = [];

    private ToldRate _default;
    private ToldRate _ofAllSamplers;

    public bool HasInterfaces { get; private set; }

    public bool HasTemplates { get; private set; }

    public int Count => _rates.Count;

    /// <summary>Every rate, for people to look at.</summary>
    public IEnumerable<(SamplingSource Of, uint Id, uint Rate)> All => _rates.Select(rate => ((SamplingSource)(rate.Key >> 32), (uint)rate.Key, rate.Value.Rate));

    public bool Knows(SamplingSource of, uint id) => _rates.ContainsKey(Key(of, id));

    /// <summary>Rate for everything in this domain that has no closer one; 0 when unknown.</summary>
    /// <param name="asOf">See <see cref="ToldRate.At"/>.</param>
    public uint Default(long asOf) => _default.At(asOf);

    public void SetDefault(uint rate) => _default.Set(rate, history);

    /// <summary>The rate on which all known samplers agree; 0 when they do not, or there is none. For flows that name no sampler.</summary>
    public uint OfAllSamplers(long asOf) => _ofAllSamplers.At(asOf);

    public bool TryGet(SamplingSource of, uint id, long asOf, out uint rate)
    {
        rate = _rates.TryGetValue(Key(of, id), out var told) ? told.At(asOf) : 0;
        return rate != 0;
    }

    public void Set(SamplingSource of, uint id, uint rate)
    {
        ref var told = ref CollectionsMarshal.GetValueRefOrAddDefault(_rates, Key(of, id), out _);
        var before = told.Rate;
        if (before == rate)
        {
            return;
        }

        told.Set(rate, history);
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
        _ofAllSamplers.Set(_samplersOfRate.Count == 1 ? rate : 0, history);
    }
}
