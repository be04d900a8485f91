using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>
/// Puts IP fragments together. Bounded: so many datagrams and bytes at once, the oldest given up first, and so many fragments of each; none is looked at before
/// its bytes could be complete.
/// </summary>
internal sealed class Reassembly
{
    private const int MostDatagrams = 256;
    private const int LargestDatagram = 65_535;

    // Of 32 bytes each: no link cuts as fine as that.
    private const int MostFragments = LargestDatagram / 32;

    // What keeping one fragment takes besides its bytes, about.
    private const int FragmentMemory = 128;
    private const int MostMemory = 16 * 1024 * 1024;

    private readonly Dictionary<(HostAddress, HostAddress, uint), Pieces> _pending = [];
    private readonly LinkedList<Pieces> _byAge = [];

    /// <summary>Bytes that all fragments take, about.</summary>
    public int Memory { get; private set; }

    /// <summary>Adds a fragment. True when it was the last one missing.</summary>
    /// <param name="key">Source, destination, identification.</param>
    /// <param name="offset">Where in the datagram it lies, in bytes.</param>
    /// <param name="hasMore">Others lie behind it.</param>
    public bool TryComplete(
        (HostAddress, HostAddress, uint) key, int offset, bool hasMore, ReadOnlySpan<byte> bytes, out ReadOnlyMemory<byte> whole)
    {
        whole = default;
        if (!_pending.TryGetValue(key, out var pieces))
        {
            _pending[key] = pieces = new Pieces(key);
            _byAge.AddLast(pieces.ByAge);
        }

        if (offset + bytes.Length > LargestDatagram || pieces.ByOffset.Count >= MostFragments)
        {
            Remove(pieces);
            return false;
        }

        if (pieces.Add(offset, hasMore, bytes))
        {
            pieces.Memory += bytes.Length + FragmentMemory;
            Memory += bytes.Length + FragmentMemory;
        }

        while (Memory > MostMemory || _pending.Count > MostDatagrams)
        {
            Remove(_byAge.First!.Value);
        }

        if (!pieces.TryJoin(out var joined))
        {
            return false;
        }

        Remove(pieces);
        whole = joined;
        return true;
    }

    private void Remove(Pieces pieces)
    {
        if (_pending.Remove(pieces.Key))
        {
            _byAge.Remove(pieces.ByAge);
            Memory -= pieces.Memory;
        }
    }

    private sealed class Pieces
    {
        private int _have;
        private int _need = int.MaxValue;

        public Pieces((HostAddress, HostAddress, uint) key)
        {
            Key = key;
            ByAge = new(this);
        }

        public (HostAddress, HostAddress, uint) Key { get; }

        public LinkedListNode<Pieces> ByAge { get; }

        public int Memory { get; set; }

        public SortedDictionary<int, byte[]> ByOffset { get; } = [];

        // False when it was there already.
        public bool Add(int offset, bool hasMore, ReadOnlySpan<byte> bytes)
        {
            _need = hasMore ? _need : offset + bytes.Length;
            if (!ByOffset.TryAdd(offset, bytes.ToArray()))
            {
                return false;
            }

            _have += bytes.Length;
            return true;
        }

        public bool TryJoin(out byte[] whole)
        {
            whole = [];
            if (_have < _need)
            {
                return false;
            }

            var reached = 0;
            foreach (var (offset, bytes) in ByOffset)
            {
                if (offset > reached)
                {
                    return false;
                }

                reached = Math.Max(reached, offset + bytes.Length);
            }

            whole = new byte[reached];
            foreach (var (offset, bytes) in ByOffset)
            {
                bytes.CopyTo(whole, offset);
            }

            return reached >= _need;
        }
    }
}
