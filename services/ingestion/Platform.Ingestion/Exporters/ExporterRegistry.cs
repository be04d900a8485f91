using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Net;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Exporters;

/// <summary>A registered exporter in this process: who it is, and what was decoded of it since the start.</summary>
internal sealed class RegisteredExporter(Guid exporterId, HostAddress address, SharedMemory memory)
{
    public Guid ExporterId => exporterId;

    public HostAddress Address => address;

    /// <summary>Templates, samplers and counts. Hold a lock on it to decode.</summary>
    public ExporterConditions Conditions { get; } = new();

    public ExporterContext Context { get; } = new(DecodeLimits.Default, memory);

    /// <summary>Last datagram in this process (Unix milliseconds); 0 when none came.</summary>
    public long LastSeenMs { get; set; }

    /// <summary>Over the last seconds; written by <see cref="Measure"/>.</summary>
    public (double Datagrams, double Records) PerSecond { get; private set; }

    private (long AtMs, long Datagrams, long Records) _measured;

    /// <summary>Gives up data that has waited too long, and takes rates since the last time, at least two seconds ago.</summary>
    public void Measure(long nowMs)
    {
        lock (Context)
        {
            Context.GiveUpWaiting(nowMs);
        }

        var seconds = (nowMs - _measured.AtMs) / 1000.0;
        if (seconds < 2)
        {
            return;
        }

        var (datagrams, records) = (Context.Datagrams, Context.Records);
        PerSecond = _measured.AtMs == 0
            ? default
            : ((datagrams - _measured.Datagrams) / seconds, (records - _measured.Records) / seconds);
        _measured = (nowMs, datagrams, records);
    }
}

/// <summary>The allow-list that every datagram meets first: look-ups without a lock, replaced as a whole when exporters change.</summary>
internal sealed class ExporterRegistry
{
    private const int MostGuests = 10_000;

    private readonly SharedMemory _memory = new(DecodeLimits.MemoryOfAll);
    private readonly bool _acceptsAll;
    private readonly ConcurrentDictionary<HostAddress, RegisteredExporter> _guests = [];
    private volatile FrozenDictionary<HostAddress, RegisteredExporter> _known = FrozenDictionary<HostAddress, RegisteredExporter>.Empty;

    /// <param name="acceptsAll">Any sender counts, up to a limit: for trying things out without a register.</param>
    public ExporterRegistry(bool acceptsAll = false) => _acceptsAll = acceptsAll;

    /// <summary>Senders that are not registered.</summary>
    public UnknownSenders Unknown { get; } = new();

    /// <summary>Bytes that all exporters together made us remember.</summary>
    public long Remembered => _memory.Taken;

    public IReadOnlyCollection<RegisteredExporter> All => _acceptsAll ? [.. _guests.Values] : _known.Values;

    /// <summary>Of the registered ones.</summary>
    public RegisteredExporter? ByAddress(string address) => _known.GetValueOrDefault(HostAddress.From(IPAddress.Parse(address)));

    public RegisteredExporter? Find(HostAddress address)
    {
        if (!_acceptsAll)
        {
            return _known.GetValueOrDefault(address);
        }

        return _guests.TryGetValue(address, out var guest) || _guests.Count >= MostGuests
            ? guest
            : _guests.GetOrAdd(address, static (guest, memory) => new RegisteredExporter(Guid.Empty, guest, memory), _memory);
    }

    /// <summary>Takes over what is registered now. Who stays keeps templates and counts.</summary>
    public void Replace(IEnumerable<(Guid ExporterId, HostAddress Address, uint SamplingRate, FlowProtocol? Expected)> registered)
    {
        var known = _known;
        _known = registered.ToFrozenDictionary(
            entry => entry.Address,
            entry =>
            {
                var exporter = known.TryGetValue(entry.Address, out var kept) && kept.ExporterId == entry.ExporterId
                    ? kept
                    : new RegisteredExporter(entry.ExporterId, entry.Address, _memory);
                lock (exporter.Context)
                {
                    exporter.Context.SamplingOverride = entry.SamplingRate;
                    exporter.Context.Expected = entry.Expected;
                }

                return exporter;
            });
        foreach (var address in _known.Keys)
        {
            Unknown.Forget(address);
        }

        foreach (var gone in known.Values.Where(exporter => !ReferenceEquals(_known.GetValueOrDefault(exporter.Address), exporter)))
        {
            lock (gone.Context)
            {
                gone.Context.Close();
            }
        }
    }
}
