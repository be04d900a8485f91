using System.Buffers.Binary;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>
/// Reads pcap (both byte orders, micro- and nanoseconds), pcapng, either of them gzipped, IPFIX messages one after another (RFC 5655), or a file that is one datagram.
/// </summary>
internal sealed class CaptureReader(Stream input, long nowMs)
{
    private const int LargestPacket = 16 * 1024 * 1024; // larger than any link layer; a wrong length must not allocate gigabytes
    private const int LongestSnapshot = 262_144; // what libpcap takes at most when it is not told otherwise
    private const int LargestDatagram = 65_535;
    private const uint SectionHeader = 0x0A0D0D0A;

    private readonly UdpUnwrapper _udp = new();
    private readonly byte[] _small = new byte[28];
    private bool _isSwapped;

    /// <summary>Packets of the capture that are no UDP datagram, or a fragment of one still missing its rest.</summary>
    public long OtherPackets { get; private set; }

    /// <summary>The file ends inside a packet.</summary>
    public bool IsCut { get; private set; }

    public static IEnumerable<CapturedDatagram> Open(string path, long nowMs, out CaptureReader reader)
    {
        if (Directory.Exists(path))
        {
            throw new IOException("is a folder");
        }

        Stream file = new BufferedStream(File.OpenRead(path), 1 << 16);
        if (file.CanSeek && IsGzipped(file)) // a pipe is read as it comes, as from `tcpdump -w -`
        {
            file = new BufferedStream(new GzippedCapture(file), 1 << 16);
        }

        reader = new CaptureReader(file, nowMs);
        return reader.Read();
    }

    private static bool IsGzipped(Stream file)
    {
        var isGzipped = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        return isGzipped;
    }

    public IEnumerable<CapturedDatagram> Read()
    {
        using (input)
        {
            var got = input.ReadAtLeast(_small.AsSpan(0, 4), 4, throwOnEndOfStream: false);
            var magic = got == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(_small) : 0;
            var packets = magic switch
            {
                0xA1B2C3D4 or 0xD4C3B2A1 or 0xA1B23C4D or 0x4D3CB2A1 or 0xA1B2CD34 or 0x34CDB2A1 => ReadPcap(magic),
                SectionHeader => ReadPcapng(),
                _ => null,
            };
            if (packets is null)
            {
                var whole = ReadAll(_small.AsSpan(0, got));
                foreach (var message in Messages(whole))
                {
                    yield return new(nowMs, HostAddress.FromV4(0x7F00_0001), 0, message);
                }

                yield break;
            }

            foreach (var (link, capturedMs, bytes) in packets)
            {
                if (_udp.TryUnwrap(link, bytes, capturedMs, out var datagram))
                {
                    yield return datagram;
                }
                else
                {
                    OtherPackets++;
                }
            }
        }
    }

    private byte[] ReadAll(ReadOnlySpan<byte> start)
    {
        using var whole = new MemoryStream();
        whole.Write(start);
        Span<byte> buffer = stackalloc byte[4096];
        for (int got; (got = input.Read(buffer)) > 0;)
        {
            whole.Write(buffer[..got]);
            if (whole.Length > LargestDatagram && !IsIpfix(start))
            {
                throw new InvalidDataException($"neither pcap nor pcapng, and larger than one datagram can be ({LargestDatagram} bytes)");
            }
        }

        return whole.ToArray();
    }

    private static bool IsIpfix(ReadOnlySpan<byte> bytes) => bytes.Length >= 4 && BinaryPrimitives.ReadUInt16BigEndian(bytes) == 10;

    // An IPFIX message says its own length; where no other begins, the rest belongs to the one before.
    private static IEnumerable<ReadOnlyMemory<byte>> Messages(ReadOnlyMemory<byte> whole)
    {
        while (IsIpfix(whole.Span) && BinaryPrimitives.ReadUInt16BigEndian(whole.Span[2..]) is var length and >= 16 && length < whole.Length && IsIpfix(whole.Span[length..]))
        {
            yield return whole[..length];
            whole = whole[length..];
        }

        yield return whole;
    }

    private IEnumerable<(int Link, long CapturedMs, ReadOnlyMemory<byte> Bytes)> ReadPcap(uint magic)
    {
        _isSwapped = magic is 0xD4C3B2A1 or 0x4D3CB2A1 or 0x34CDB2A1;
        var perMillisecond = magic is 0xA1B23C4D or 0x4D3CB2A1 ? 1_000_000 : 1000;
        var headerLength = magic is 0xA1B2CD34 or 0x34CDB2A1 ? 24 : 16; // a patched libpcap of old wrote eight bytes more
        if (!TryFill(20))
        {
            throw new InvalidDataException("a pcap file that ends inside its header");
        }

        var link = (int)(U32(16) & 0xFFFF);
        var longest = Math.Min(Math.Max(U32(12), LongestSnapshot), LargestPacket);
        var packet = new byte[2048];
        for (var number = 1; TryFill(headerLength); number++)
        {
            var capturedMs = U32(0) * 1000L + U32(4) / perMillisecond;
            if (U32(8) > longest)
            {
                throw new InvalidDataException(Invariant($"packet {number} says that it has {U32(8)} bytes: damaged; everything before it was read"));
            }

            var length = (int)U32(8);
            if (!TryReadPacket(ref packet, length))
            {
                yield break;
            }

            yield return (link, capturedMs, packet.AsMemory(0, length));
        }
    }

    private IEnumerable<(int Link, long CapturedMs, ReadOnlyMemory<byte> Bytes)> ReadPcapng()
    {
        var interfaces = new List<(int Link, double MsPerTick, long OffsetMs)>();
        var block = new byte[4096];
        var type = SectionHeader;
        while (true)
        {
            if (type == SectionHeader)
            {
                // Length, then the byte-order magic that says how to read the length.
                if (!TryFill(8))
                {
                    throw new InvalidDataException("a pcapng file that ends inside its header");
                }

                _isSwapped = BinaryPrimitives.ReadUInt32LittleEndian(_small.AsSpan(4)) == 0x4D3C2B1A;
                interfaces.Clear();
            }
            else if (!TryFill(4))
            {
                yield break;
            }

            var read = type == SectionHeader ? 12 : 8;
            var total = U32(0);
            if (total < read + 4 || total > LargestPacket)
            {
                throw new InvalidDataException(Invariant($"a block says that it has {total} bytes: damaged; everything before it was read"));
            }

            if (!TryReadPacket(ref block, (int)total - read))
            {
                yield break;
            }

            var body = block.AsMemory(0, (int)total - read - 4);
            switch (type)
            {
                case 1 when body.Length >= 8:
                    var (tick, offset) = ReadClock(body[8..]);
                    interfaces.Add((Read16(body, 0), tick, offset));
                    break;
                case 6 or 2 when body.Length >= 20 && (type == 6 ? Read32(body, 0) : Read16(body, 0)) < interfaces.Count:
                {
                    var (link, msPerTick, offsetMs) = interfaces[type == 6 ? (int)Read32(body, 0) : Read16(body, 0)];
                    var ticks = (ulong)Read32(body, 4) << 32 | Read32(body, 8);
                    var length = (int)Math.Min(Read32(body, 12), (uint)body.Length - 20);
                    yield return (link, (long)(ticks * msPerTick) + offsetMs, body.Slice(20, length));
                    break;
                }

                case 3 when body.Length >= 4 && interfaces.Count > 0:
                    yield return (interfaces[0].Link, nowMs, body.Slice(4, (int)Math.Min(Read32(body, 0), (uint)body.Length - 4)));
                    break;
                case 2 or 3 or 6:
                    OtherPackets++; // of an interface that no block described, or too short to hold a packet
                    break;
            }

            if (!TryFill(4))
            {
                yield break;
            }

            type = U32(0);
        }
    }

    // Options of an interface: if_tsresol (9), if_tsoffset (14).
    private (double MsPerTick, long OffsetMs) ReadClock(ReadOnlyMemory<byte> options)
    {
        var (msPerTick, offsetMs) = (0.001, 0L); // microseconds
        while (options.Length >= 4)
        {
            int code = Read16(options, 0);
            int length = Read16(options, 2);
            if (code == 0 || length > options.Length - 4)
            {
                break;
            }

            if (code == 9 && length >= 1)
            {
                var resolution = options.Span[4];
                msPerTick = (resolution & 0x80) != 0 ? 1000 * Math.Pow(2, -(resolution & 0x7F)) : 1000 * Math.Pow(10, -resolution);
            }
            else if (code == 14 && length == 8)
            {
                var (low, high) = _isSwapped ? (Read32(options, 8), Read32(options, 4)) : (Read32(options, 4), Read32(options, 8));
                offsetMs = (int)high == 0 ? low * 1000L : 0; // seconds; nobody captures before 1970
            }

            options = options[Math.Min(options.Length, 4 + (length + 3) / 4 * 4)..];
        }

        return (msPerTick, offsetMs);
    }

    private bool TryFill(int count)
    {
        var got = input.ReadAtLeast(_small.AsSpan(0, count), count, throwOnEndOfStream: false);
        IsCut |= got != 0 && got != count;
        return got == count;
    }

    private bool TryReadPacket(ref byte[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = new byte[length];
        }

        var isWhole = input.ReadAtLeast(buffer.AsSpan(0, length), length, throwOnEndOfStream: false) == length;
        IsCut |= !isWhole;
        return isWhole;
    }

    private uint U32(int at) => Read32(_small, at);

    private uint Read32(ReadOnlyMemory<byte> bytes, int at)
    {
        var value = BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[at..]);
        return _isSwapped ? BinaryPrimitives.ReverseEndianness(value) : value;
    }

    private ushort Read16(ReadOnlyMemory<byte> bytes, int at)
    {
        var value = BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span[at..]);
        return _isSwapped ? BinaryPrimitives.ReverseEndianness(value) : value;
    }
}
