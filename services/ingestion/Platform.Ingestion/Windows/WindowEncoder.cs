using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>One message for the telemetry bus.</summary>
/// <param name="ObjectId">Routing key: the protected object.</param>
/// <param name="Body">A <c>platform.telemetry.v1.TrafficWindowBatch</c>, in room that is used again after <see cref="Release"/>.</param>
/// <param name="Windows">How many increments are in it.</param>
internal sealed record EncodedWindows(string ObjectId, ArraySegment<byte> Body, int Windows)
{
    /// <summary>It is on its way: nobody reads the body any more. To be called once.</summary>
    public void Release() => ArrayPool<byte>.Shared.Return(Body.Array!);
}

/// <summary>
/// Turns rows into messages: sorts them by object and host, spreads them over their seconds and writes protobuf. Written by hand because the generated types would
/// cost four objects for each increment; a test reads the result back with the generated ones.
/// </summary>
/// <param name="source">Names this process in every batch; another text after each start.</param>
internal sealed class WindowEncoder(string source)
{
    private const int MostWindows = 1000;
    private const int MostBytes = 256 * 1024;
    private const int Slots = 256;
    private const int Vectors = 32;

    // Room for one window with every vector, and for what a batch begins with besides the name of the source.
    private const int MostOfWindow = 64 + Vectors * 48;
    private const int MostOfHead = 256 + Tellers.Most * (2 + IdBytes);
    private const int IdBytes = 16;

    private readonly ArrayBufferWriter<byte> _body = new(1 << 16);
    private readonly Amounts[] _cells = new Amounts[Slots * (Vectors + 1)];
    private readonly Queue<EncodedWindows> _messages = [];
    private readonly byte[] _address = new byte[16];
    private readonly ulong[] _keys = new ulong[WindowTable<uint>.PieceSize];
    private readonly Dictionary<Guid, ulong> _sequences = []; // per object, because each partition is read by another process
    private readonly HashSet<int> _sketched = [];
    private FilledWindows? _filled;
    private ILookup<int, MixOf> _mixes = Array.Empty<MixOf>().ToLookup(_ => 0);
    private int _objectIndex = -1;
    private int _windows;

    /// <summary>One message after the other, each made when it is asked for: a million hosts are never there as rows and as messages at once.</summary>
    public IEnumerable<EncodedWindows> Encode(FilledWindows filled)
    {
        _filled = filled;
        _messages.Clear();
        _mixes = filled.Mixes.ByObject();
        _sketched.Clear();
        foreach (var _ in WriteV4(filled).Concat(WriteV6(filled)).Concat(WriteRest()))
        {
            while (_messages.TryDequeue(out var message))
            {
                yield return message;
            }
        }
    }

    // Each of these yields after a host, so that whole messages can go before the next. Rows are sorted piece by piece and merged: beside a million of them there is hardly
    // anything else.
    private IEnumerable<bool> WriteV4(FilledWindows filled)
    {
        var pieces = filled.V4.PieceCount;
        var orders = new ushort[pieces][];
        var next = new int[pieces];
        var heads = new PriorityQueue<int, ulong>(pieces);
        for (var piece = 0; piece < pieces; piece++)
        {
            orders[piece] = ArrayPool<ushort>.Shared.Rent(filled.V4.Piece(piece).Length);
            heads.Enqueue(piece, Sort(filled, piece, orders[piece]));
        }

        while (heads.TryPeek(out _, out var host))
        {
            var (first, last, vectors) = (Slots, -1, TrafficVectors.None);
            while (heads.TryPeek(out var piece, out var key) && key == host)
            {
                var rows = filled.V4.Piece(piece);
                Spread(in rows[orders[piece][next[piece]]], ref first, ref last, ref vectors);
                if (++next[piece] < rows.Length)
                {
                    heads.DequeueEnqueue(piece, KeyOf(filled, in rows[orders[piece][next[piece]]]));
                }
                else
                {
                    heads.Dequeue();
                }
            }

            BinaryPrimitives.WriteUInt32BigEndian(_address, (uint)host);
            WriteHost((int)(host >> 33), _address.AsSpan(0, 4), first, last, vectors);
            yield return true;
        }

        Array.ForEach(orders, order => ArrayPool<ushort>.Shared.Return(order));
    }

    /// <returns>The smallest key.</returns>
    private ulong Sort(FilledWindows filled, int piece, ushort[] order)
    {
        var rows = filled.V4.Piece(piece);
        for (var row = 0; row < rows.Length; row++)
        {
            _keys[row] = KeyOf(filled, in rows[row]);
            order[row] = (ushort)row;
        }

        _keys.AsSpan(0, rows.Length).Sort(order.AsSpan(0, rows.Length));
        return _keys[0];
    }

    private static ulong KeyOf(FilledWindows filled, in WindowRow<uint> row) =>
        (ulong)(uint)filled.View.Prefixes.FindV4(row.Host) << 33 | (ulong)row.Vectors >> 31 << 32 | row.Host;

    private IEnumerable<bool> WriteV6(FilledWindows filled)
    {
        var order = new (int Object, uint Direction, HostAddress Host, int Number)[filled.V6.Count];
        for (var number = 0; number < order.Length; number++)
        {
            var row = filled.V6[number];
            order[number] = (filled.View.Prefixes.Find(row.Host), (uint)row.Vectors >> 31, row.Host, number);
        }

        Array.Sort(order, (a, b) => (a.Object, a.Direction, a.Host.High, a.Host.Low).CompareTo((b.Object, b.Direction, b.Host.High, b.Host.Low)));
        for (int from = 0, to; from < order.Length; from = to)
        {
            var (first, last, vectors) = (Slots, -1, TrafficVectors.None);
            for (to = from; to < order.Length && order[to].Host == order[from].Host && order[to].Direction == order[from].Direction; to++)
            {
                Spread(in filled.V6[order[to].Number], ref first, ref last, ref vectors);
            }

            BinaryPrimitives.WriteUInt64BigEndian(_address, order[from].Host.High);
            BinaryPrimitives.WriteUInt64BigEndian(_address.AsSpan(8), order[from].Host.Low);
            WriteHost(order[from].Object, _address, first, last, vectors);
            yield return true;
        }
    }

    private IEnumerable<bool> WriteRest()
    {
        Enter(-1);
        foreach (var objectIndex in _mixes.Select(mixes => mixes.Key).Except(_sketched).ToList())
        {
            Enter(objectIndex); // all its windows went early
            Enter(-1);
            yield return true;
        }

        yield return true;
    }

    private void Spread<THost>(in WindowRow<THost> row, ref int first, ref int last, ref TrafficVectors vectors)
        where THost : unmanaged, IEquatable<THost>
    {
        if (row is { Flows: 0, Bytes: 0, Packets: 0 })
        {
            return; // sent early already, and quiet since
        }

        var seconds = (uint)(row.Last - row.First + 1);
        var (bytes, packets) = (new Shares(row.Bytes, seconds), new Shares(row.Packets, seconds));
        for (int slot = row.First; slot <= row.Last; slot++)
        {
            var share = new Amounts(bytes.Next(), packets.Next(), slot == row.Last ? row.Flows : 0);
            var cells = CellsOf(slot);
            cells[0] += share;
            for (var left = (uint)(row.Vectors & ~TrafficVectors.Outgoing); left != 0; left &= left - 1)
            {
                cells[1 + BitOperations.TrailingZeroCount(left)] += share;
            }
        }

        first = Math.Min(first, row.First);
        last = Math.Max(last, row.Last);
        vectors |= row.Vectors;
    }

    private Span<Amounts> CellsOf(int slot) => _cells.AsSpan(slot * (Vectors + 1), Vectors + 1);

    private void WriteHost(int objectIndex, ReadOnlySpan<byte> address, int first, int last, TrafficVectors vectors)
    {
        Enter(objectIndex);
        for (var slot = first; slot <= last; slot++)
        {
            var cells = CellsOf(slot);
            if (cells[0] != default)
            {
                BeginMessage();
                WriteWindow(address, _filled!.FirstSecond + slot, cells, vectors);
                _windows++;
            }

            cells[0] = default;
            for (var left = (uint)(vectors & ~TrafficVectors.Outgoing); left != 0; left &= left - 1)
            {
                cells[1 + BitOperations.TrailingZeroCount(left)] = default; // no others were touched
            }
        }
    }

    // What follows belongs to this object; with another one the last one's sketches end its message.
    private void Enter(int objectIndex)
    {
        if (objectIndex == _objectIndex)
        {
            return;
        }

        if (_objectIndex >= 0 && _sketched.Add(_objectIndex))
        {
            foreach (var mix in _mixes[_objectIndex])
            {
                BeginMessage();
                var sketch = mix.ToWire(_filled!.FirstArrivalMs / 1000).ToByteArray();
                var writer = new ProtobufWriter(_body.GetSpan(16 + sketch.Length));
                writer.Bytes(9, sketch);
                _body.Advance(writer.Length);
            }
        }

        Finish();
        _objectIndex = objectIndex;
    }

    private void BeginMessage()
    {
        if (_windows >= MostWindows || _body.WrittenCount >= MostBytes)
        {
            Finish();
        }

        if (_body.WrittenCount > 0)
        {
            return;
        }

        var counted = _filled!.View.Objects[_objectIndex];
        var writer = new ProtobufWriter(_body.GetSpan(MostOfHead + 3 * source.Length));
        writer.Text(1, counted.ObjectId.ToString("D"));
        writer.Text(2, counted.TenantId.ToString("D"));
        writer.Number(3, (ulong)counted.Version);
        writer.Text(4, source);
        ref var sequence = ref CollectionsMarshal.GetValueRefOrAddDefault(_sequences, counted.ObjectId, out _);
        writer.Number(5, ++sequence);
        writer.Number(6, (ulong)_filled.FirstArrivalMs * 1000);
        ref readonly var tellers = ref _filled.Tellers[_objectIndex];
        writer.Number(10, Math.Max(1, tellers.Rate));
        Span<byte> id = stackalloc byte[IdBytes];
        foreach (var exporter in tellers.Exporters)
        {
            if (exporter != 0 && exporter < _filled.Exporters.Length) // else noted since these were taken
            {
                _filled.Exporters[exporter].TryWriteBytes(id, bigEndian: true, out _);
                writer.Bytes(11, id);
            }
        }

        _body.Advance(writer.Length);
    }

    private void WriteWindow(ReadOnlySpan<byte> address, long second, ReadOnlySpan<Amounts> cells, TrafficVectors vectors)
    {
        var writer = new ProtobufWriter(_body.GetSpan(MostOfWindow));
        var length = 2 + address.Length + 1 + ProtobufWriter.Size((ulong)second) + 2 + SizeOf(cells[0]);
        for (var left = (uint)(vectors & ~TrafficVectors.Outgoing); left != 0; left &= left - 1)
        {
            var amounts = cells[1 + BitOperations.TrailingZeroCount(left)];
            length += amounts == default ? 0 : 2 + 4 + SizeOf(amounts);
        }

        writer.Begin((vectors & TrafficVectors.Outgoing) == 0 ? 7 : 8, length);
        writer.Bytes(1, address);
        writer.Number(2, (ulong)second);
        writer.Begin(3, SizeOf(cells[0]));
        Write(ref writer, cells[0]);
        for (var left = (uint)(vectors & ~TrafficVectors.Outgoing); left != 0; left &= left - 1)
        {
            var bit = BitOperations.TrailingZeroCount(left);
            if (cells[1 + bit] is var amounts && amounts != default)
            {
                writer.Begin(4, 4 + SizeOf(amounts));
                writer.Number(1, (ulong)bit + 1);
                writer.Begin(2, SizeOf(amounts));
                Write(ref writer, amounts);
            }
        }

        _body.Advance(writer.Length);
    }

    private static int SizeOf(Amounts amounts) => SizeOf(amounts.Bytes) + SizeOf(amounts.Packets) + SizeOf(amounts.Flows);

    private static int SizeOf(ulong number) => number == 0 ? 0 : 1 + ProtobufWriter.Size(number);

    private static void Write(ref ProtobufWriter writer, Amounts amounts)
    {
        writer.NumberUnlessZero(1, amounts.Bytes);
        writer.NumberUnlessZero(2, amounts.Packets);
        writer.NumberUnlessZero(3, amounts.Flows);
    }

    private void Finish()
    {
        if (_body.WrittenCount > 0)
        {
            var key = _filled!.View.Objects[_objectIndex].ObjectId.ToString("D");
            var body = ArrayPool<byte>.Shared.Rent(_body.WrittenCount);
            _body.WrittenSpan.CopyTo(body);
            _messages.Enqueue(new EncodedWindows(key, new ArraySegment<byte>(body, 0, _body.WrittenCount), _windows));
        }

        _body.ResetWrittenCount();
        _windows = 0;
    }

    /// <summary>Deals an amount out evenly: the shares differ by at most one and add up to the whole.</summary>
    private struct Shares(ulong amount, uint parts)
    {
        private readonly ulong _least = amount / parts;
        private readonly ulong _rest = amount % parts;
        private ulong _owed;

        public ulong Next()
        {
            _owed += _rest;
            if (_owed < parts)
            {
                return _least;
            }

            _owed -= parts;
            return _least + 1;
        }
    }
}
