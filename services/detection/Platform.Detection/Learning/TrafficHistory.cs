using System.IO.Compression;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Learning;

/// <summary>
/// What an object had in each minute: of every level, vector and unit the highest second. Evidence for re-learning, kept for some weeks in the database.
/// Not for several threads.
/// </summary>
internal sealed class TrafficHistory
{
    private const int MostFinished = 12; // hours that wait while the database is away
    private readonly Queue<HistoryChunk> _finished = [];
    private HistoryChunk? _current;

    /// <summary>Takes in a second that is over.</summary>
    /// <param name="second">Since 1970 (UTC).</param>
    /// <param name="whole">All hosts together.</param>
    /// <param name="host">Of each vector what the busiest host had.</param>
    /// <param name="block">Of each vector what the busiest block had.</param>
    /// <param name="isAnomalous">An anomaly of the object was open.</param>
    /// <param name="grain">Packets that one sampled packet stands for; 1: nothing is sampled.</param>
    public void Observe(long second, in SecondTraffic whole, in SecondTraffic host, in SecondTraffic block, bool isAnomalous, long grain)
    {
        var minute = second / 60;
        if (_current is null || minute / 60 != _current.FirstMinute / 60 || minute < _current.FirstMinute)
        {
            if (_current is not null)
            {
                _finished.Enqueue(_current);
            }

            _current = new HistoryChunk(minute);
            if (_finished.Count > MostFinished)
            {
                _finished.Dequeue();
            }
        }

        _current.Observe(minute, WatchLevel.Object, whole);
        _current.Observe(minute, WatchLevel.Host, host);
        _current.Observe(minute, WatchLevel.Prefix, block);
        _current.Mark(minute, isAnomalous, grain);
    }

    /// <summary>What is not saved yet; the hour that is under way comes again next time, and longer.</summary>
    public IReadOnlyList<HistoryChunk> Unsaved() => _current is null ? [.. _finished] : [.. _finished, _current.Copy()];

    /// <summary>These are in the database: those that are over need not come again.</summary>
    public void Saved(IReadOnlyList<HistoryChunk> chunks)
    {
        while (_finished.TryPeek(out var oldest) && chunks.Contains(oldest))
        {
            _finished.Dequeue();
        }
    }
}

/// <summary>Minutes of one hour. Values are kept to within 0.04 %.</summary>
/// <param name="firstMinute">Since 1970 (UTC).</param>
internal sealed class HistoryChunk(long firstMinute)
{
    private const byte Format = 1;
    private const int Minutes = 60;
    private const double Steps = 1024;
    private readonly SortedDictionary<short, ushort[]> _series = [];
    private ulong _seen;
    private ulong _anomalous;

    public long FirstMinute => firstMinute;

    /// <summary>Packets that one sampled packet stands for.</summary>
    public long Grain { get; private set; } = 1;

    public IEnumerable<short> Series => _series.Keys;

    public bool IsSeen(int minute) => (_seen >> minute & 1) != 0;

    public bool IsAnomalous(int minute) => (_anomalous >> minute & 1) != 0;

    /// <summary>The highest second of each minute, as it is kept; nothing when none came.</summary>
    public ReadOnlySpan<ushort> Codes(short series) => _series.GetValueOrDefault(series);

    /// <summary>What is kept, as a rate.</summary>
    public static double Rate(ushort code) => code > 0 ? Math.Pow(2, (code - 1) / Steps) : 0;

    public static short Position(WatchLevel level, TrafficVector vector, TrafficUnit unit) => (short)((((int)level * 64) + (int)vector) * 4 + (int)unit);

    public void Observe(long minute, WatchLevel level, in SecondTraffic traffic)
    {
        Raise(level, TrafficVector.Total, traffic.Total, (int)(minute - firstMinute));
        for (var mask = traffic.Mask; mask != 0; mask &= mask - 1)
        {
            var vector = (TrafficVector)(System.Numerics.BitOperations.TrailingZeroCount(mask) + (int)TrafficVector.Udp);
            Raise(level, vector, traffic[vector], (int)(minute - firstMinute));
        }
    }

    public void Mark(long minute, bool isAnomalous, long grain = 1)
    {
        Grain = Math.Max(Grain, grain);
        var bit = 1ul << (int)(minute - firstMinute);
        _seen |= bit;
        _anomalous |= isAnomalous ? bit : 0;
    }

    public HistoryChunk Copy() => Read(firstMinute, Write());

    public byte[] Write()
    {
        using var bytes = new MemoryStream();
        using (var to = new BinaryWriter(new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true)))
        {
            to.Write(Format);
            to.Write(_seen);
            to.Write(_anomalous);
            to.Write(Grain);
            to.Write((short)_series.Count);
            foreach (var (position, values) in _series)
            {
                to.Write(position);
                foreach (var value in values)
                {
                    to.Write(value);
                }
            }
        }

        return bytes.ToArray();
    }

    public static HistoryChunk Read(long firstMinute, byte[] content)
    {
        var chunk = new HistoryChunk(firstMinute);
        using var from = new BinaryReader(new BrotliStream(new MemoryStream(content), CompressionMode.Decompress));
        if (from.ReadByte() != Format)
        {
            return chunk;
        }

        (chunk._seen, chunk._anomalous, chunk.Grain) = (from.ReadUInt64(), from.ReadUInt64(), from.ReadInt64());
        for (var left = from.ReadInt16(); left > 0; left--)
        {
            var values = chunk._series[from.ReadInt16()] = new ushort[Minutes];
            for (var minute = 0; minute < Minutes; minute++)
            {
                values[minute] = from.ReadUInt16();
            }
        }

        return chunk;
    }

    private void Raise(WatchLevel level, TrafficVector vector, Amount amount, int minute)
    {
        foreach (var unit in (ReadOnlySpan<TrafficUnit>)[TrafficUnit.Bits, TrafficUnit.Packets, TrafficUnit.Flows])
        {
            if (amount[unit] is > 0 and var value)
            {
                var position = Position(level, vector, unit);
                if (!_series.TryGetValue(position, out var values))
                {
                    _series.Add(position, values = new ushort[Minutes]);
                }

                var code = (ushort)Math.Min(ushort.MaxValue, Math.Round(Math.Log2(value) * Steps) + 1);
                values[minute] = Math.Max(values[minute], code);
            }
        }
    }
}
