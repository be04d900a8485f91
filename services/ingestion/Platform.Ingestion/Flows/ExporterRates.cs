namespace Platform.Ingestion.Flows;

/// <summary>
/// What options data of one exporter told of sampling, whichever domain told it: some exporters describe samplers and interfaces in another domain than they use them
/// in. Bounded, the rates of the domains themselves included.
/// </summary>
internal sealed class ExporterRates(DecodeLimits limits, SharedMemory memory, RateHistory history)
{
    // What one rate takes, in bytes, about: the domain's, the exporter's, and the place where equal ones are counted.
    private const int Memory = 96;

    private SamplingRates _told = new(history); // by sampler, by interface, by line card, and by the domain that options data named
    private ToldRate _default;
    private int _count;

    /// <summary>Any domain described an interface.</summary>
    public bool HasInterfaces => _told.HasInterfaces;

    /// <summary>The last rate that named no sampler, interface or domain; 0 when none was told.</summary>
    /// <param name="asOf">See <see cref="ToldRate.At"/>.</param>
    public uint Default(long asOf) => _default.At(asOf);

    /// <summary>The rate on which all known samplers agree, whichever domain described them; 0 when they do not, or there is none. For flows that name no sampler.</summary>
    /// <param name="asOf">See <see cref="ToldRate.At"/>.</param>
    public uint OfAllSamplers(long asOf) => _told.OfAllSamplers(asOf);

    /// <summary>The rate on which all known line cards agree; 0 when they do not, or there is none.</summary>
    /// <param name="asOf">See <see cref="ToldRate.At"/>.</param>
    public uint OfAllLineCards(long asOf) => _told.OfAllLineCards(asOf);

    /// <summary>Rate of a sampler, an interface, or (as <see cref="SamplingSource.Options"/>) of a domain.</summary>
    /// <param name="asOf">See <see cref="ToldRate.At"/>.</param>
    public bool TryGet(SamplingSource of, uint id, long asOf, out uint rate) => _told.TryGet(of, id, asOf, out rate);

    /// <summary>See <see cref="SamplingRates.TryGetOfEgress"/>.</summary>
    public bool TryGetOfEgress(uint id, long asOf, out uint rate) => _told.TryGetOfEgress(id, asOf, out rate);

    public void SetDefault(FlowDomain teller, uint rate)
    {
        teller.Rates.SetDefault(rate);
        _default.Set(rate, history);
    }

    /// <returns>False: there is no room for another one.</returns>
    public bool TrySet(FlowDomain teller, SamplingSource of, uint id, uint rate)
    {
        if (!teller.Rates.Knows(of, id) && !TryTake())
        {
            return false;
        }

        teller.Rates.Set(of, id, rate);
        if (of is SamplingSource.Sampler or SamplingSource.Interface or SamplingSource.EgressInterface or SamplingSource.LineCard)
        {
            _told.Set(of, id, rate);
        }

        return true;
    }

    /// <summary>The rate of the one domain that options data of any domain named (element 149).</summary>
    /// <param name="named">Null when nothing came from it so far.</param>
    /// <returns>False: there is no room for another one.</returns>
    public bool TrySetOfDomain(FlowDomain? named, uint id, uint rate)
    {
        named?.Rates.SetDefault(rate);
        if (!_told.Knows(SamplingSource.Options, id) && !TryTake())
        {
            return false;
        }

        _told.Set(SamplingSource.Options, id, rate);
        return true;
    }

    /// <summary>Gives back what a domain took that is forgotten.</summary>
    public void Forget(FlowDomain domain) => Give(domain.Rates.Count);

    /// <summary>Forgets what only domains told that are forgotten now.</summary>
    public void KeepOnly(IEnumerable<FlowDomain> domains)
    {
        var held = domains.SelectMany(domain => domain.Rates.All).Select(rate => (rate.Of, rate.Id)).ToHashSet();
        var before = _told;
        _told = new(history);
        foreach (var (of, id, rate) in before.All.Where(rate => rate.Of == SamplingSource.Options || held.Contains((rate.Of, rate.Id))))
        {
            _told.Set(of, id, rate);
        }
    }

    /// <summary>Forgets everything; the domains are forgotten already.</summary>
    public void Clear()
    {
        Give(_told.All.Count(rate => rate.Of == SamplingSource.Options));
        _told = new(history);
    }

    private bool TryTake()
    {
        if (_count >= limits.Rates || !memory.HasRoomFor(Memory))
        {
            return false;
        }

        _count++;
        memory.Take(Memory);
        return true;
    }

    private void Give(int rates)
    {
        _count -= rates;
        memory.Give(rates * Memory);
    }
}
