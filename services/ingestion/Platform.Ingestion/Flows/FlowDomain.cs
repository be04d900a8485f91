namespace Platform.Ingestion.Flows;

/// <summary>Which stream of an exporter a datagram belongs to.</summary>
/// <param name="Id">Observation domain (IPFIX), source id (NetFlow v9), engine (NetFlow v5) or sub-agent (sFlow).</param>
/// <param name="Agent">sFlow: who took the samples; a relay sends those of many. Else nothing.</param>
internal readonly record struct DomainKey(FlowProtocol Format, uint Id, HostAddress Agent = default);

/// <summary>What one observation domain of an exporter said: templates by id, rates, its last sequence number.</summary>
internal sealed class FlowDomain(DomainKey key, RateHistory history)
{
    /// <summary>Bytes that one takes without its templates and rates, about.</summary>
    public const int Memory = 2560;

    /// <summary>Bytes that one more source of sFlow samples takes, about.</summary>
    public const int MemoryOfSource = 40;

    /// <summary>After so long without another refusal it is forgotten which templates were refused, when there were too many to tell them apart.</summary>
    private const long RefusedMs = 1_800_000;

    private const int MostRefused = 64;

    private readonly Dictionary<ushort, FlowTemplate>[] _templates = [[], []];
    private HashSet<ushort>? _refused;
    private FlowTemplate? _last;
    private SequenceWatch _sequence;
    private NumberingWatch _numbering;
    private RestartWatch _restart;
    private Dictionary<uint, uint>? _drops;
    private long _refusedMs;

    public DomainKey Key => key;

    public uint Id => key.Id;

    public IEnumerable<FlowTemplate> Templates => _templates[0].Values.Concat(_templates[1].Values);

    public SamplingRates Rates { get; } = new(history);

    /// <summary>When the exporter started (Unix milliseconds), as options data of this domain said; 0 when unknown.</summary>
    public long SystemStartMs { get; set; }

    /// <summary>When its last datagram was sent, and the one before that (Unix milliseconds, the exporter's clock).</summary>
    public (long Last, long Before) ExportedMs { get; set; }

    /// <summary>When its last datagram came (Unix milliseconds).</summary>
    public long SeenMs { get; set; }

    public ref SequenceWatch Sequence => ref _sequence;

    /// <summary>NetFlow v9: what its sequence numbers count.</summary>
    public ref NumberingWatch Numbering => ref _numbering;

    public ref RestartWatch Restart => ref _restart;

    /// <summary>sFlow: how many samples each source (interface) lost for want of resources, as it said last.</summary>
    public Dictionary<uint, uint> Drops => _drops ??= [];

    /// <summary>How many sources told of lost samples.</summary>
    public int Sources => _drops?.Count ?? 0;

    /// <summary>Whether the last definition of a template was refused: nobody knows the layout of data that comes now.</summary>
    public bool HasRefused(ushort templateId, long nowMs)
    {
        if (_refused?.Count >= MostRefused && nowMs - _refusedMs > RefusedMs)
        {
            _refused = null;
        }

        return _refused is not null && (_refused.Count >= MostRefused || _refused.Contains(templateId));
    }

    /// <summary>Remembers that a definition was refused. Of a domain with too many to tell them apart, all that are not known count as refused.</summary>
    public void Refuse(ushort templateId)
    {
        _refusedMs = SeenMs;
        _refused ??= [];
        if (_refused.Count < MostRefused)
        {
            _refused.Add(templateId);
        }
    }

    public FlowTemplate? Template(ushort templateId)
    {
        if (_last is { } last && last.Id == templateId)
        {
            return last;
        }

        return _templates[0].TryGetValue(templateId, out var found) || _templates[1].TryGetValue(templateId, out found) ? _last = found : null;
    }

    public void Add(FlowTemplate template)
    {
        Of(template.IsOptions)[template.Id] = template;
        if (_refused?.Count < MostRefused)
        {
            _refused.Remove(template.Id);
        }

        _last = template;
    }

    public void Remove(FlowTemplate template)
    {
        Of(template.IsOptions).Remove(template.Id);
        _last = null;
    }

    /// <summary>Takes out all options templates, or all others. As dear as there are templates: not the ones that there were once.</summary>
    public IReadOnlyCollection<FlowTemplate> RemoveAll(bool areOptions)
    {
        var removed = Of(areOptions);
        if (removed.Count > 0)
        {
            _templates[areOptions ? 1 : 0] = [];
            _last = null;
        }

        return removed.Values;
    }

    private Dictionary<ushort, FlowTemplate> Of(bool areOptions) => _templates[areOptions ? 1 : 0];
}
