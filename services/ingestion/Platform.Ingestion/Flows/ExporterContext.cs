using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Platform.Ingestion.Flows;

/// <summary>
/// What we know of one exporter: its observation domains with their templates and samplers, data that waits for a template, and counts. Not safe for
/// two threads at once; whoever decodes holds a lock on it. Bounded by <see cref="DecodeLimits"/>.
/// </summary>
internal sealed class ExporterContext
{
    public static readonly int ErrorKinds = Enum.GetValues<DecodeError>().Length;

    private const long SweepEveryMs = 60_000;
    private const long SecondMs = 1000; // export times are whole seconds

    private readonly SharedMemory _memory;
    private readonly RateHistory _history = new();
    private readonly WaitingData _waiting;
    private readonly Dictionary<DomainKey, FlowDomain> _domains = [];
    private readonly long[] _errors = new long[ErrorKinds];
    private FlowDomain? _last;
    private int _templates;
    private int _fields;
    private long _sweptMs;
    private bool _isClosed;

    /// <param name="memory">What all exporters together may make us remember; a budget of its own when none is given.</param>
    public ExporterContext(DecodeLimits limits, SharedMemory? memory = null)
    {
        Limits = limits;
        _memory = memory ?? new SharedMemory(long.MaxValue);
        _waiting = new WaitingData(limits, _memory, _history);
        Rates = new ExporterRates(limits, _memory, _history);
    }

    public DecodeLimits Limits { get; }

    /// <summary>Refusals by <see cref="DecodeError"/>.</summary>
    public IReadOnlyList<long> Errors
    {
        get
        {
            _errors[(int)DecodeError.DataWithoutTemplate] = _waiting.GivenUp;
            return _errors;
        }
    }

    public long Datagrams { get; set; }

    /// <summary>Flow records and sFlow flow samples.</summary>
    public long Records { get; set; }

    public long OptionsRecords { get; set; }

    /// <summary>Templates read, refreshes included.</summary>
    public long TemplatesRead { get; set; }

    /// <summary>Of those, options templates.</summary>
    public long OptionsTemplatesRead { get; set; }

    /// <summary>Templates that the exporter took back.</summary>
    public long TemplatesWithdrawn { get; private set; }

    public long CounterSamples { get; set; }

    /// <summary>Notices of packets that the exporter did not forward (sFlow).</summary>
    public long DiscardedPackets { get; set; }

    /// <summary>Samples that agents say they lost for want of resources (sFlow): traffic is seen too low by as many packets times their rate.</summary>
    public long SflowDrops { get; private set; }

    /// <summary>Datagrams (NetFlow v9, sFlow) or records (NetFlow v5, IPFIX) that the sequence numbers skipped.</summary>
    public long SequenceSkipped { get; private set; }

    /// <summary>Of those, how many came late.</summary>
    public long SequenceLate { get; private set; }

    /// <summary>Datagrams or records that the sequence numbers show as lost.</summary>
    public long SequenceGaps => SequenceSkipped - SequenceLate;

    /// <summary>Our clock minus the exporter's at the last datagram, in milliseconds; transport included.</summary>
    public long ClockSkewMs { get; set; }

    public FlowProtocol? LastFormat { get; set; }

    /// <summary>The protocol that an operator expects of it; null: any.</summary>
    public FlowProtocol? Expected { get; set; }

    public IEnumerable<FlowDomain> Domains => _domains.Values;

    public ExporterRates Rates { get; }

    /// <summary>One packet in N, set by an operator; 0: believe the exporter.</summary>
    public uint SamplingOverride { get; set; }

    /// <summary>When the exporter started (Unix milliseconds), as options data of any domain said last; 0 when unknown.</summary>
    public long SystemStartMs { get; set; }

    /// <summary>After how long a flow that goes on is told of, in milliseconds, as options data of any domain said last; 0 when unknown.</summary>
    public uint ActiveTimeoutMs { get; set; }

    /// <summary>A firewall that tells what its connections carried while they go on, so that what it tells at their end was told before.</summary>
    public bool TellsUpdates { get; set; }

    public uint LastRate { get; set; }

    public SamplingSource LastRateSource { get; set; }

    public int TemplatesKept => _templates;

    public int WaitingSets => _waiting.Count;

    public void Count(DecodeError error, int times = 1) => _errors[(int)error] += times;

    /// <summary>The NetFlow v9 sequence numbers of a domain count records, not datagrams.</summary>
    public bool NumbersRecords => _domains.Values.Any(domain => domain.Numbering.CountsRecords);

    /// <summary>Compares the number of a datagram with what was expected.</summary>
    /// <returns>How many are missing before it.</returns>
    public long NoteSequence(FlowDomain domain, in MessageHeader header, uint units)
    {
        var missing = domain.Sequence.Note(header.Sequence, units, header.ReceivedMs);
        SequenceSkipped += Math.Max(0, missing);
        SequenceLate += Math.Max(0, -missing);
        if (domain.Sequence.HasRestarted && domain.SystemStartMs < domain.ExportedMs.Before - SecondMs)
        {
            (domain.SystemStartMs, SystemStartMs) = (0, 0); // told before the restart, which the last two datagrams showed
        }

        domain.ExportedMs = (header.ExportedMs, domain.ExportedMs.Last);
        return missing;
    }

    /// <summary>The same for NetFlow v9, of which some exporters number records instead of datagrams.</summary>
    /// <param name="records">Data records in the datagram; below zero when that is not known.</param>
    public void NoteSequenceOfNetFlow9(FlowDomain domain, in MessageHeader header, int records)
    {
        var countsRecords = domain.Numbering.CountsRecords;
        var missing = NoteSequence(domain, in header, countsRecords ? (uint)Math.Max(0, records) : 1);
        if (domain.Numbering.Note(header.Sequence, records, Math.Max(0, missing), out var mistaken))
        {
            SequenceLate += mistaken; // skipped, but not lost
            domain.Sequence.Forget();
        }
        else if (countsRecords && records < 0)
        {
            domain.Sequence.Forget();
        }
    }

    /// <summary>The domain, made when it is new; null when the exporter has too many.</summary>
    public FlowDomain? Domain(DomainKey key, long nowMs)
    {
        if (_last is { } last && last.Key == key)
        {
            last.SeenMs = nowMs;
            return last;
        }

        if (!_domains.TryGetValue(key, out var domain))
        {
            if (!HasRoomForDomain())
            {
                ForgetIdle(nowMs);
            }

            if (_isClosed || !HasRoomForDomain())
            {
                Count(DecodeError.TooManyDomains);
                return null;
            }

            _domains[key] = domain = new FlowDomain(key, _history);
            if (Rates.TryGet(SamplingSource.Options, key.Id, asOf: 0, out var rate))
            {
                domain.Rates.SetDefault(rate);
            }

            _memory.Take(FlowDomain.Memory);
        }

        domain.SeenMs = nowMs;
        return _last = domain;
    }

    /// <summary>A domain of which something came already.</summary>
    public FlowDomain? Known(DomainKey key) => _domains.GetValueOrDefault(key);

    /// <summary>Keeps a template. False when it is refused for lack of room.</summary>
    public bool Keep(FlowDomain domain, FlowTemplate template, long nowMs)
    {
        template.UsedMs = nowMs;
        if (domain.Template(template.Id) is { } known)
        {
            if (known.IsSameAs(template))
            {
                known.UsedMs = nowMs;
                return true;
            }

            Count(DecodeError.TemplateChanged);
            Forget(domain, known);
        }

        if (!HasRoomFor(template))
        {
            ForgetIdle(nowMs);
            if (!HasRoomFor(template))
            {
                Refuse(DecodeError.TooManyTemplates, domain, template.Id);
                return false;
            }
        }

        domain.Add(template);
        _memory.Take(template.Memory);
        _templates++;
        _fields += template.Fields.Length;
        return true;
    }

    /// <summary>
    /// Counts a template that is refused. What it would have replaced is no longer true either, and what waits for it, or comes now, has a layout that nobody
    /// knows: the next good template serves only data that comes after it.
    /// </summary>
    public void Refuse(DecodeError reason, FlowDomain domain, ushort templateId)
    {
        Count(reason);
        if (domain.Template(templateId) is { } known)
        {
            Forget(domain, known);
        }

        _waiting.GiveUp(domain, templateId);
        domain.Refuse(templateId);
    }

    /// <summary>The exporter takes a template back (RFC 7011 section 8.1).</summary>
    public void Withdraw(FlowDomain domain, ushort templateId)
    {
        if (domain.Template(templateId) is not { } known)
        {
            Count(DecodeError.WithdrawalOfUnknownTemplate);
            return;
        }

        TemplatesWithdrawn++;
        Forget(domain, known);
    }

    /// <summary>The exporter takes all options templates back, or all others.</summary>
    public void WithdrawAll(FlowDomain domain, bool areOptions)
    {
        var withdrawn = domain.RemoveAll(areOptions);
        TemplatesWithdrawn += withdrawn.Count;
        foreach (var template in withdrawn)
        {
            Account(template);
        }
    }

    /// <summary>The exporter started anew: it may give the same ids to other templates now. Data waits until it tells them.</summary>
    public void ForgetTemplates(FlowDomain domain)
    {
        foreach (var template in domain.RemoveAll(areOptions: true).Concat(domain.RemoveAll(areOptions: false)))
        {
            Account(template);
        }
    }

    /// <summary>Notes how many samples a source of sFlow says that it lost since it started; what it lost before we heard of it is not counted.</summary>
    public void NoteDrops(FlowDomain domain, uint source, uint drops)
    {
        ref var last = ref CollectionsMarshal.GetValueRefOrNullRef(domain.Drops, source);
        if (!Unsafe.IsNullRef(ref last))
        {
            SflowDrops += drops - last < int.MaxValue ? drops - last : 0; // less than before: it started anew
            last = drops;
        }
        else if (domain.Sources < Limits.SourcesPerDomain && _memory.HasRoomFor(FlowDomain.MemoryOfSource))
        {
            domain.Drops.Add(source, drops);
            _memory.Take(FlowDomain.MemoryOfSource);
        }
    }

    /// <summary>Keeps a data set until its template comes; not when that was refused.</summary>
    public void Wait(in MessageHeader header, FlowDomain domain, ushort templateId, ReadOnlySpan<byte> set)
    {
        if (domain.HasRefused(templateId, header.ReceivedMs))
        {
            _waiting.Refuse();
            return;
        }

        _waiting.Add(in header, domain, templateId, set);
    }

    /// <summary>Takes out what waited for this template, oldest first.</summary>
    public IEnumerable<WaitingSet> TakeWaiting(FlowDomain domain, ushort templateId, long nowMs) =>
        _waiting.Count == 0 ? [] : _waiting.Take(domain, templateId, nowMs);

    /// <summary>Gives up data that has waited too long, also when the exporter sends nothing more.</summary>
    public void GiveUpWaiting(long nowMs) => _waiting.GiveUpOld(nowMs);

    /// <summary>Counts everything that still waits as data without a template: nothing more will come.</summary>
    public void GiveUpWaiting() => _waiting.GiveUpAll();

    /// <summary>The exporter is no longer one of ours: gives back everything that it made us remember, and remembers nothing more.</summary>
    public void Close()
    {
        _isClosed = true;
        _waiting.GiveUpAll();
        foreach (var domain in _domains.Values)
        {
            Forget(domain);
        }

        Rates.Clear();
    }

    private void Forget(FlowDomain domain, FlowTemplate template)
    {
        domain.Remove(template);
        Account(template);
    }

    private void Account(FlowTemplate gone)
    {
        _memory.Give(gone.Memory);
        _templates--;
        _fields -= gone.Fields.Length;
    }

    private void Forget(FlowDomain domain)
    {
        ForgetTemplates(domain);
        Rates.Forget(domain);
        _memory.Give(FlowDomain.Memory + domain.Sources * FlowDomain.MemoryOfSource);
        _domains.Remove(domain.Key);
        _last = null;
    }

    private bool HasRoomForDomain() => _domains.Count < Limits.Domains && _memory.HasRoomFor(FlowDomain.Memory);

    private bool HasRoomFor(FlowTemplate template) =>
        _templates < Limits.Templates && _fields + template.Fields.Length <= Limits.Fields && _memory.HasRoomFor(template.Memory);

    // At most once a minute, so that a flood of templates cannot make us sweep for each of them.
    private void ForgetIdle(long nowMs)
    {
        if (nowMs - _sweptMs < SweepEveryMs)
        {
            return;
        }

        _sweptMs = nowMs;
        var idleMs = Limits.TemplateIdle.TotalMilliseconds;
        foreach (var domain in _domains.Values.Where(domain => nowMs - domain.SeenMs > idleMs))
        {
            Forget(domain);
        }

        Rates.KeepOnly(_domains.Values);
        foreach (var domain in _domains.Values)
        {
            domain.Templates.Where(template => nowMs - template.UsedMs > idleMs).ToList().ForEach(template => Forget(domain, template));
        }
    }
}
