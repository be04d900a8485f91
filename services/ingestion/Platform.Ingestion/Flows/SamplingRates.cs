using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>Rates that options data told for samplers, interfaces and templates of one observation domain, and for all of it.</summary>
internal sealed class SamplingRates(RateHistory history)
{
    private readonly Dictionary<ulong, ToldRate> _rates = []; // read for each record of an exporter that names samplers
    private readonly AgreedRate _ofSamplers = new(history);
    private readonly AgreedRate _ofLineCards = new(history);

    private ToldRate _default;

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
    public uint OfAllSamplers(long asOf) => _ofSamplers.At(asOf);

    /// <summary>The same of all known line cards, for flows of which nothing else is known: no record names its line card.</summary>
    public uint OfAllLineCards(long asOf) => _ofLineCards.At(asOf);

    public bool TryGet(SamplingSource of, uint id, long asOf, out uint rate)
    {
        rate = _rates.TryGetValue(Key(of, id), out var told) ? told.At(asOf) : 0;
        return rate != 0;
    }

    /// <summary>The rate at an interface for what goes out there.</summary>
    public bool TryGetOfEgress(uint id, long asOf, out uint rate) =>
        TryGet(SamplingSource.EgressInterface, id, asOf, out rate) || TryGet(SamplingSource.Interface, id, asOf, out rate);

    public void Set(SamplingSource of, uint id, uint rate)
    {
        ref var told = ref CollectionsMarshal.GetValueRefOrAddDefault(_rates, Key(of, id), out _);
        var before = told.Rate;
        if (before == rate)
        {
            return;
        }

        told.Set(rate, history);
        HasInterfaces |= of is SamplingSource.Interface or SamplingSource.EgressInterface;
        HasTemplates |= of == SamplingSource.Template;
        if (of == SamplingSource.Sampler)
        {
            _ofSamplers.Change(before, rate);
        }
        else if (of == SamplingSource.LineCard)
        {
            _ofLineCards.Change(before, rate);
        }
    }

    private static ulong Key(SamplingSource of, uint id) => (ulong)of << 32 | id;

    /// <summary>The rate that several have, as long as it is the same. Counted, not looked for: an exporter may change one of thousands with every record.</summary>
    private sealed class AgreedRate(RateHistory history)
    {
        private readonly Dictionary<uint, int> _tellers = [];
        private ToldRate _agreed;

        public uint At(long asOf) => _agreed.At(asOf);

        public void Change(uint before, uint rate)
        {
            if (before != 0 && --_tellers[before] == 0)
            {
                _tellers.Remove(before);
            }

            _tellers[rate] = _tellers.GetValueOrDefault(rate) + 1;
            _agreed.Set(_tellers.Count == 1 ? rate : 0, history);
        }
    }
}
