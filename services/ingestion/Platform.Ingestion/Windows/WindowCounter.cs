using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>
/// Counts flows per protected host and second, apart what it received and what it sent, for one thread. A flow's bytes and packets belong evenly to the seconds from its first to its last packet: a flow
/// of a minute is not a spike in the second in which it was exported. Seconds further back than the reach are over; that share is late, and counted as such.
/// The flow itself counts once, in its last second. The age of a flow is measured on its exporter's clock, so an exporter's wrong clock does no harm.
/// </summary>
/// <param name="reachSeconds">How far back windows are open, 1 to <see cref="LongestReachSeconds"/>.</param>
/// <param name="rowLimit">Most rows of each family between two takings.</param>
internal sealed class WindowCounter(ProtectedObjects objects, int reachSeconds, int rowLimit)
{
    public const int LongestReachSeconds = 120;

    /// <summary>Largest scaled amount of one record; more is nonsense and would only overflow sums.</summary>
    private const ulong MostPerFlow = 1UL << 48;
    private const long LongestMs = 86_400_000;

    // Flows of one host that last for several seconds have many rows, one for each first and last second: an eighth of the watch level in one of them is near it.
    private const int LongShareBits = 3;

    // The rows of flows that follow each other lie anywhere: these many are asked for before the first is needed, so that the processor fetches them together.
    private const int MostPending = 16;

    private readonly WindowTable<uint> _v4 = new(rowLimit);
    private readonly WindowTable<HostAddress> _v6 = new(rowLimit);
    private readonly Pending[] _pending = new Pending[MostPending];
    private readonly List<int> _urgentV4 = [];
    private readonly List<int> _urgentV6 = [];
    private ProtectedView _view = objects.Current;
    private Tellers[] _tellers = new Tellers[objects.Current.Objects.Length];
    private ExporterNumbers _numbers = new();
    private Guid _exporterId;
    private ushort _exporter; // its number; 0: not said
    private TrafficMixes _mixes = new();
    private uint[] _flowsOfObjects = []; // since the windows opened
    private long _firstSecond;
    private long _firstArrivalMs;
    private long _nowMs;
    private WindowTotals _totals;
    private int _pendingCount;

    public ref readonly WindowTotals Totals => ref _totals;

    public int Rows => _v4.Count + _v6.Count;

    public long Memory => _v4.Memory + _v6.Memory;

    /// <summary>The objects changed since these windows were opened: take them before counting on.</summary>
    public bool IsOutdated => !ReferenceEquals(_view, objects.Current);

    /// <summary>When the current windows were opened, in Unix milliseconds; 0 when there is nothing in them.</summary>
    public long OpenedMs => _firstArrivalMs;

    public bool HasUrgent => _urgentV4.Count + _urgentV6.Count > 0;

    /// <summary>Says what time it is (Unix milliseconds) for the flows that follow.</summary>
    public void At(long nowMs)
    {
        Settle();
        _nowMs = nowMs;
        if (_firstArrivalMs != 0 && nowMs / 1000 - _firstSecond > byte.MaxValue)
        {
            Drop(); // open for so long, or the clock jumped: a row cannot name that second
        }

        if (_firstArrivalMs == 0)
        {
            _firstArrivalMs = nowMs;
            _firstSecond = nowMs / 1000 - reachSeconds;
            if (_flowsOfObjects.Length < _view.Objects.Length)
            {
                _flowsOfObjects = new uint[_view.Objects.Length];
            }
        }
    }

    /// <summary>Says who tells of the flows that follow, until the windows are taken.</summary>
    public void From(Guid exporterId)
    {
        if (exporterId != _exporterId || _exporter == 0) // mostly the same one as before
        {
            (_exporterId, _exporter) = (exporterId, _numbers.Of(exporterId));
        }
    }

    /// <summary>Counts a flow, at the latest with the next <see cref="Settle"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(in FlowRecord flow)
    {
        var to = _view.Prefixes.Find(flow.Destination);
        var from = _view.Prefixes.Find(flow.Source);
        if (to < 0 && from < 0)
        {
            _totals.Unmatched++;
            return;
        }

        _totals.Matched++;
        Part part = default;
        part.Bytes = Scale(flow.Bytes, flow.SamplingRate);
        part.Packets = Scale(flow.Packets, flow.SamplingRate);
        part.Vectors = TrafficVectorsOf.Flow(in flow);
        var endMs = _nowMs - Math.Clamp(flow.NowMs - flow.EndMs, 0, LongestMs);
        var durationMs = flow.StartMs == 0 ? 0 : Math.Clamp(flow.EndMs - flow.StartMs, 0, LongestMs);
        if (flow.TimeoutMs != 0 && durationMs > flow.TimeoutMs + flow.TimeoutMs / 2)
        {
            durationMs = flow.TimeoutMs; // its first packet was long before what is told here
        }

        // A flow that ends on the stroke of a second has no part in it.
        var last = (endMs - (durationMs > 0 ? 1 : 0)) / 1000 - _firstSecond;
        var first = (endMs - durationMs) / 1000 - _firstSecond;
        if (first < 0)
        {
            if (last < 0)
            {
                _totals.LateBytes += part.Bytes;
                _totals.LatePackets += part.Packets;
                _totals.LateFlows += flow.Flows;
                return;
            }

            CutLate(ref part, first, last);
            first = 0;
        }

        part.First = (byte)first;
        part.Last = (byte)last;
        if (to >= 0)
        {
            _tellers[to].Note(flow.SamplingRate, _exporter);
            Await(in flow, flow.Destination, to, in part);
        }

        if (from >= 0)
        {
            _tellers[from].Note(flow.SamplingRate, _exporter);
            part.Vectors |= TrafficVectors.Outgoing;
            Await(in flow, flow.Source, from, in part);
        }
    }

    /// <summary>Counts what still waits for its row.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Settle()
    {
        var pending = _pending.AsSpan(0, _pendingCount);
        foreach (ref var flow in pending)
        {
            if (flow.Host.IsV4)
            {
                _v4.FetchRow(flow.Hash);
            }
            else
            {
                _v6.FetchRow(flow.Hash);
            }
        }

        foreach (ref var flow in pending)
        {
            Count(in flow.Flow, flow.Host, flow.Hash, flow.Index, in flow.Part);
        }

        _pendingCount = 0;
    }

    /// <summary>Takes everything counted so far; null when there is nothing.</summary>
    public FilledWindows? Take()
    {
        Settle();
        var taken = Rows == 0
            ? null
            : new FilledWindows(_view, _firstSecond, _firstArrivalMs, _v4.Take(), _v6.Take(), TakeMixes(), _tellers, _numbers.Exporters);
        _urgentV4.Clear();
        _urgentV6.Clear();
        _view = objects.Current;
        _tellers = new Tellers[_view.Objects.Length];
        _numbers = _numbers.IsWorn ? new() : _numbers;
        _exporter = 0;
        _firstArrivalMs = 0;
        return taken;
    }

    /// <summary>Takes only the rows that came near a threshold, and leaves them counting from zero.</summary>
    public FilledWindows? TakeUrgent()
    {
        Settle();
        if (!HasUrgent)
        {
            return null;
        }

        var v4 = new WindowTable<uint>(int.MaxValue);
        var v6 = new WindowTable<HostAddress>(int.MaxValue);
        Move(_v4, _urgentV4, v4);
        Move(_v6, _urgentV6, v6);
        return new FilledWindows(_view, _firstSecond, _firstArrivalMs, v4.Take(), v6.Take(), TakeMixes(), _tellers, _numbers.Exporters);
    }

    /// <summary>Counts windows that were taken and then found no place.</summary>
    public void CountDropped(FilledWindows filled)
    {
        _totals.DroppedRows += filled.Count;
        filled.Release();
    }

    /// <summary>Forgets the windows because nobody could take them in time; they are counted as dropped.</summary>
    public void Drop()
    {
        Settle();
        _totals.DroppedRows += Rows;
        Take()?.Release();
    }

    private static void Move<THost>(WindowTable<THost> from, List<int> numbers, WindowTable<THost> to)
        where THost : unmanaged, IEquatable<THost>
    {
        foreach (var number in numbers)
        {
            ref var row = ref from[number];
            to.Row(row.Host, WindowHash.Of(row.Host, row.Vectors, row.First, row.Last), row.Vectors, row.First, row.Last, out _) = row;
            row.IsUrgent = false;
            row.Bytes = 0;
            row.Packets = 0;
            row.Flows = 0;
        }

        numbers.Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Await(in FlowRecord flow, HostAddress host, int index, in Part part)
    {
        ref var pending = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_pending), _pendingCount);
        pending.Flow = flow;
        pending.Part = part;
        pending.Host = host;
        pending.Index = index;
        if (host.IsV4)
        {
            pending.Hash = WindowHash.Of(host.V4, part.Vectors, part.First, part.Last);
            _v4.FetchIndex(pending.Hash);
        }
        else
        {
            pending.Hash = WindowHash.Of(host, part.Vectors, part.First, part.Last);
            _v6.FetchIndex(pending.Hash);
        }

        if (++_pendingCount == MostPending)
        {
            Settle();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Count(in FlowRecord flow, HostAddress host, ulong hash, int index, in Part part)
    {
        var isHot = false;
        var flows = 0u;
        if (host.IsV4)
        {
            ref var row = ref _v4.Row(host.V4, hash, part.Vectors, part.First, part.Last, out var number);
            isHot = Count(ref row, number, in part, flow.Flows, _view.Objects[index], _urgentV4, ref flows);
        }
        else
        {
            ref var row = ref _v6.Row(host, hash, part.Vectors, part.First, part.Last, out var number);
            isHot = Count(ref row, number, in part, flow.Flows, _view.Objects[index], _urgentV6, ref flows);
        }

        if (isHot && _mixes.Draws(flows, most: 64, oneIn: 8) is > 0 and var hostWeight)
        {
            Sketch(in flow, index, host, in part, hostWeight);
        }

        if (_mixes.Draws(++_flowsOfObjects[index], most: 1024, oneIn: 64) is > 0 and var weight)
        {
            Sketch(in flow, index, default, in part, weight);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Count<THost>(
        ref WindowRow<THost> row, int number, in Part part, uint flows, ProtectedObject watched, List<int> urgent, ref uint rowFlows)
        where THost : unmanaged, IEquatable<THost>
    {
        if (Unsafe.IsNullRef(ref row))
        {
            _totals.Overflowed++;
            return false;
        }

        row.Bytes += part.Bytes;
        row.Packets += part.Packets;
        row.Flows = row.Flows > uint.MaxValue - flows ? uint.MaxValue : row.Flows + flows; // a record may say that it stands for billions
        rowFlows = row.Flows;
        var shift = row.First == row.Last ? 0 : LongShareBits;
        if ((row.Bytes << shift >= watched.WatchBytes || row.Packets << shift >= watched.WatchPackets) && !row.IsUrgent)
        {
            row.IsUrgent = true;
            row.IsHot = true;
            urgent.Add(number);
        }

        return row.IsHot;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Sketch(in FlowRecord flow, int index, HostAddress host, in Part part, uint weight)
    {
        var isOutgoing = (part.Vectors & TrafficVectors.Outgoing) != 0;
        if (_mixes.Find(index, host, isOutgoing) is { } mix)
        {
            mix.Add(in flow, isOutgoing, new Amounts(part.Bytes, part.Packets, flow.Flows) * weight);
        }
        else
        {
            _totals.Unsketched++;
        }
    }

    private TrafficMixes TakeMixes()
    {
        var taken = _mixes;
        _mixes = new TrafficMixes();
        Array.Clear(_flowsOfObjects);
        return taken;
    }

    private void CutLate(ref Part part, long first, long last)
    {
        var late = (ulong)-first;
        var all = (ulong)(last - first + 1);
        var lateBytes = part.Bytes / all * late + part.Bytes % all * late / all;
        var latePackets = part.Packets / all * late + part.Packets % all * late / all;
        _totals.LateBytes += lateBytes;
        _totals.LatePackets += latePackets;
        part.Bytes -= lateBytes;
        part.Packets -= latePackets;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Scale(ulong amount, uint rate) =>
        Math.BigMul(amount, (ulong)rate, out var scaled) == 0 && scaled < MostPerFlow ? scaled : MostPerFlow;

    /// <summary>What of a flow falls into the open windows.</summary>
    private struct Part
    {
        public ulong Bytes;
        public ulong Packets;
        public TrafficVectors Vectors;
        public byte First;
        public byte Last;
    }

    /// <summary>A flow on its way to its row.</summary>
    private struct Pending
    {
        public FlowRecord Flow;
        public Part Part;
        public HostAddress Host;
        public ulong Hash;
        public int Index;
    }
}
