using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>Puts IP fragments together. Bounded: so many datagrams at once, so many fragments of each; none is looked at before its bytes could be complete.</summary>
internal sealed class Reassembly
{
    private const int MostDatagrams = 256;
    private const int LargestDatagram = 65_535;

    // Of 32 bytes each: no link cuts as fine as that.
    private const int MostFragments = LargestDatagram / 32;

    private readonly Dictionary<(HostAddress, HostAddress, uint), Pieces> _pending = [];

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
            if (_pending.Count >= MostDatagrams)
            {
                _pending.Clear(); // a capture of nothing but stray fragments: start over
            }

            _pending[key] = pieces = new Pieces();
        }

        if (offset + bytes.Length > LargestDatagram || pieces.ByOffset.Count >= MostFragments)
        {
            _pending.Remove(key);
            return false;
        }

        pieces.Add(offset, hasMore, bytes);
        if (!pieces.TryJoin(out var joined))
        {
            return false;
        }

        _pending.Remove(key);
        whole = joined;
        return true;
    }

    private sealed class Pieces
    {
        private int _have;
        private int _need = int.MaxValue;

        public SortedDictionary<int, byte[]> ByOffset { get; } = [];

        public void Add(int offset, bool hasMore, ReadOnlySpan<byte> bytes)
        {
            _need = hasMore ? _need : offset + bytes.Length;
            if (ByOffset.TryAdd(offset, bytes.ToArray()))
            {
                _have += bytes.Length;
            }
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
