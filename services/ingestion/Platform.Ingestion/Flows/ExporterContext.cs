namespace Platform.Ingestion.Flows;

/// <summary>
/// What we know of one exporter: its observation domains with their templates and samplers, data that waits for a template, and counts. Not safe for
/// two threads at once; whoever decodes holds a lock on it. Bounded by <see cref="DecodeLimits"/>.
/// </summary>
/// <param name="memory">What all exporters together may make us remember; a budget of its own when none is given.</param>
internal sealed class ExporterContext(DecodeLimits limits, SharedMemory? memory = null)
{
    public static readonly int ErrorKinds = Enum.GetValues<DecodeError>().Length;

    private readonly SharedMemory _memory = memory ?? new SharedMemory(long.MaxValue);
    private readonly Dictionary<ulong, FlowDomain> _domains = [];
    private readonly Queue<WaitingSet> _waiting = [];
    private readonly Dictionary<uint, uint> _samplers = [];
    private FlowDomain? _last;
    private int _templates;
    private int _fields;
    private int _waitingBytes;
    private long _sweptMs;

    public DecodeLimits Limits => limits;

    public long[] Errors { get; } = new long[ErrorKinds];

    public long Datagrams { get; set; }

    /// <summary>Flow records and sFlow flow samples.</summary>
    public long Records { get; set; }

    public long OptionsRecords { get; set; }

    /// <summary>Templates read, refreshes included.</summary>
    public long TemplatesRead { get; set; }

    /// <summary>Of those, options templates.</summary>
    public long OptionsTemplatesRead { get; set; }

    public long CounterSamples { get; set; }

    /// <summary>Notices of packets that the exporter did not forward (sFlow).</summary>
    public long DiscardedPackets { get; set; }

    /// <summary>Datagrams (NetFlow v9, sFlow) or records (NetFlow v5, IPFIX) that the sequence numbers show as lost.</summary>
    public long SequenceGaps { get; set; }

    /// <summary>Our clock minus the exporter's at the last datagram, in milliseconds; transport included.</summary>
    public long ClockSkewMs { get; set; }

    public FlowProtocol? LastFormat { get; set; }

    /// <summary>The protocol that an operator expects of it; null: any.</summary>
    public FlowProtocol? Expected { get; set; }

    public IEnumerable<FlowDomain> Domains => _domains.Values;

    /// <summary>One packet in N, set by an operator; 0: believe the exporter.</summary>
    public uint SamplingOverride { get; set; }

    /// <summary>Last rate that came by options data without naming a sampler or an interface, in any domain.</summary>
    public uint DefaultRate { get; set; }

    /// <summary>Rate of a sampler that any domain described: some exporters describe them in another domain than they use them in.</summary>
    public bool TryGetSamplerRate(uint sampler, out uint rate) => _samplers.TryGetValue(sampler, out rate);

    public void SetSamplerRate(uint sampler, uint rate)
    {
        if (_samplers.Count < limits.Samplers || _samplers.ContainsKey(sampler))
        {
            _samplers[sampler] = rate;
        }
    }

    public uint LastRate { get; set; }

    public SamplingSource LastRateSource { get; set; }

    public int TemplatesKept => _templates;

    public int WaitingSets => _waiting.Count;

    public void Count(DecodeError error) => Errors[(int)error]++;

    /// <summary>The domain, made when it is new; null when the exporter has too many.</summary>
    public FlowDomain? Domain(FlowProtocol format, uint id)
    {
        if (_last is { } last && last.Id == id && last.Format == format)
        {
            return last;
        }

        var key = (ulong)format << 32 | id;
        if (!_domains.TryGetValue(key, out var domain))
        {
            if (_domains.Count >= limits.Domains)
            {
                Count(DecodeError.TooManyTemplates);
                return null;
            }

            _domains[key] = domain = new FlowDomain(format, id);
        }

        return _last = domain;
    }

    /// <summary>Keeps a template. False when it is refused for lack of room.</summary>
    public bool Keep(FlowDomain domain, FlowTemplate template, long nowMs)
    {
        template.UsedMs = nowMs;
        if (domain.Templates.TryGetValue(template.Id, out var known))
        {
            if (known.IsSameAs(template))
            {
                known.UsedMs = nowMs;
                return true;
            }

            Forget(domain, known);
        }

        if (!HasRoomFor(template))
        {
            ForgetIdle(nowMs);
            if (!HasRoomFor(template))
            {
                Count(DecodeError.TooManyTemplates);
                return false;
            }
        }

        domain.Add(template);
        _memory.Take(template.Memory);
        _templates++;
        _fields += template.Fields.Length;
        return true;
    }

    public void Forget(FlowDomain domain, FlowTemplate template)
    {
        domain.Remove(template);
        _memory.Give(template.Memory);
        _templates--;
        _fields -= template.Fields.Length;
    }

    /// <summary>Keeps a data set until its template comes, in a copy with the header before it.</summary>
    public void Wait(in MessageHeader header, FlowDomain domain, ushort templateId, ReadOnlySpan<byte> set)
    {
        var size = set.Length + WaitingSet.Overhead;
        while (_waiting.TryPeek(out var oldest)
            && (_waitingBytes + size > limits.WaitingBytes || IsTooOld(oldest, header.ReceivedMs)))
        {
            GiveUp(_waiting.Dequeue());
        }

        if (size > limits.WaitingBytes || !_memory.HasRoomFor(size))
        {
            Count(DecodeError.DataWithoutTemplate);
            return;
        }

        var copy = new byte[WaitingSet.Lead + set.Length];
        set.CopyTo(copy.AsSpan(WaitingSet.Lead));
        _waiting.Enqueue(new WaitingSet(header, domain, templateId, copy));
        _waitingBytes += size;
        _memory.Take(size);
        domain.HasWaiting = true;
    }

    /// <summary>Takes out what waited for this template, oldest first; what waited too long is counted and dropped.</summary>
    public List<WaitingSet> TakeWaiting(FlowDomain domain, ushort templateId, long nowMs)
    {
        var found = new List<WaitingSet>();
        domain.HasWaiting = false;
        for (var left = _waiting.Count; left > 0; left--)
        {
            var set = _waiting.Dequeue();
            if (IsTooOld(set, nowMs))
            {
                GiveUp(set);
            }
            else if (ReferenceEquals(set.Domain, domain) && set.TemplateId == templateId)
            {
                Release(set);
                found.Add(set);
            }
            else
            {
                domain.HasWaiting |= ReferenceEquals(set.Domain, domain);
                _waiting.Enqueue(set);
            }
        }

        return found;
    }

    /// <summary>Counts everything that still waits as data without a template: nothing more will come.</summary>
    public void GiveUpWaiting()
    {
        while (_waiting.TryDequeue(out var set))
        {
            GiveUp(set);
        }
    }

    private bool IsTooOld(WaitingSet set, long nowMs) => nowMs - set.Header.ReceivedMs > limits.WaitingTime.TotalMilliseconds;

    private void GiveUp(WaitingSet set)
    {
        Release(set);
        Count(DecodeError.DataWithoutTemplate);
    }

    private void Release(WaitingSet set)
    {
        var size = set.Bytes.Length - WaitingSet.Lead + WaitingSet.Overhead;
        _waitingBytes -= size;
        _memory.Give(size);
    }

    private bool HasRoomFor(FlowTemplate template) =>
        _templates < limits.Templates && _fields + template.Fields.Length <= limits.Fields && _memory.HasRoomFor(template.Memory);

    // At most once a minute, so that a flood of templates cannot make us sweep for each of them.
    private void ForgetIdle(long nowMs)
    {
        if (nowMs - _sweptMs < 60_000)
        {
            return;
        }

        _sweptMs = nowMs;
        foreach (var domain in _domains.Values)
        {
            var idle = domain.Templates.Values.Where(t => nowMs - t.UsedMs > limits.TemplateIdle.TotalMilliseconds).ToList();
            idle.ForEach(template => Forget(domain, template));
        }
    }
}

/// <summary>A data set whose template has not arrived, with the header of its datagram.</summary>
/// <param name="Bytes"><see cref="Lead"/> unused bytes, so that reads before a record stay inside, then the content of the set.</param>
internal sealed record WaitingSet(MessageHeader Header, FlowDomain Domain, ushort TemplateId, byte[] Bytes)
{
    public const int Lead = 8;

    /// <summary>What the bookkeeping of one waiting set costs, in bytes, so that many tiny sets are bounded too.</summary>
    public const int Overhead = 160;
}

/// <summary>One observation domain (IPFIX), source id (NetFlow v9), engine (NetFlow v5) or sub-agent (sFlow) of an exporter.</summary>
internal sealed class FlowDomain(FlowProtocol format, uint id)
{
    private FlowTemplate? _last;
    private Dictionary<uint, uint>? _samplers;
    private Dictionary<uint, uint>? _interfaces;
    private Dictionary<uint, uint>? _templates;

    public FlowProtocol Format => format;

    public uint Id => id;

    public Dictionary<ushort, FlowTemplate> Templates { get; } = [];

    /// <summary>Some data may wait for a template of this domain.</summary>
    public bool HasWaiting { get; set; }

    /// <summary>Rate for everything in this domain that has no closer one; 0 when unknown.</summary>
    public uint DefaultRate { get; private set; }

    public bool HasInterfaceRates => _interfaces is not null;

    /// <summary>When the exporter started (Unix milliseconds), as options data said; 0 when unknown.</summary>
    public long SystemStartMs { get; set; }

    private uint _expectedSequence;
    private bool _hasSequence;

    public FlowTemplate? Template(ushort templateId)
    {
        if (_last is { } last && last.Id == templateId)
        {
            return last;
        }

        return Templates.TryGetValue(templateId, out var found) ? _last = found : null;
    }

    public void Add(FlowTemplate template)
    {
        Templates[template.Id] = template;
        _last = template;
    }

    public void Remove(FlowTemplate template)
    {
        Templates.Remove(template.Id);
        _last = null;
    }

    public bool TryGetSamplerRate(uint sampler, out uint rate)
    {
        rate = 0;
        return _samplers?.TryGetValue(sampler, out rate) ?? false;
    }

    public bool TryGetInterfaceRate(uint index, out uint rate)
    {
        rate = 0;
        return _interfaces?.TryGetValue(index, out rate) ?? false;
    }

    public bool TryGetTemplateRate(ushort templateId, out uint rate)
    {
        rate = 0;
        return _templates?.TryGetValue(templateId, out rate) ?? false;
    }

    /// <summary>The rate on which all known samplers agree; 0 when they do not, or there is none. For flows that name no sampler.</summary>
    public uint CommonSamplerRate { get; private set; }

    /// <summary>Known samplers, interfaces and templates with a rate of their own, for people to look at.</summary>
    public IEnumerable<(SamplingSource Of, uint Id, uint Rate)> Rates =>
        (_samplers ?? []).Select(sampler => (SamplingSource.Sampler, sampler.Key, sampler.Value))
            .Concat((_interfaces ?? []).Select(index => (SamplingSource.Interface, index.Key, index.Value)))
            .Concat((_templates ?? []).Select(template => (SamplingSource.Template, template.Key, template.Value)));

    public void SetSamplerRate(uint sampler, uint rate, int limit)
    {
        if (_samplers is not null && _samplers.TryGetValue(sampler, out var known) && known == rate)
        {
            return;
        }

        Set(ref _samplers, sampler, rate, limit);
        CommonSamplerRate = _samplers!.Values.All(other => other == rate) ? rate : 0;
    }

    public void SetInterfaceRate(uint index, uint rate, int limit) => Set(ref _interfaces, index, rate, limit);

    public void SetTemplateRate(ushort templateId, uint rate, int limit) => Set(ref _templates, templateId, rate, limit);

    public void SetDefaultRate(uint rate) => DefaultRate = rate;

    /// <summary>Compares a sequence number with the one expected; gives how many units were lost in between.</summary>
    public uint Advance(uint sequence, uint units)
    {
        var gap = _hasSequence ? sequence - _expectedSequence : 0;
        _hasSequence = true;
        _expectedSequence = sequence + units;
        // A step back or a huge one is a restart or a late datagram, not a loss.
        return gap < 1_000_000 ? gap : 0;
    }

    private static void Set(ref Dictionary<uint, uint>? rates, uint key, uint rate, int limit)
    {
        rates ??= [];
        if (rates.Count < limit || rates.ContainsKey(key))
        {
            rates[key] = rate;
        }
    }
}
