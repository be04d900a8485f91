using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Receiving;

/// <summary>
/// One UDP socket that receives many datagrams by one system call (recvmmsg) on 64-bit Linux, and one at a time elsewhere. For one thread. Buffers are outside the
/// managed heap and are used again and again.
/// </summary>
internal sealed unsafe partial class DatagramSocket : IDisposable
{
    public const int BatchSize = 64;

    // Room for the largest datagram; not a power of two, so that the buffers do not fall on the same cache sets.
    private const int Stride = 65_536 + 1_536;
    private const int NameLength = 28;

    /// <summary>The longest that <see cref="Receive"/> waits.</summary>
    public const int WaitMilliseconds = 100;

    // Each wake-up costs a quarter of a millisecond, because a processor that slept has forgotten what it knew: so few of them, as long as the buffer holds what comes
    // meanwhile. Well below the 100 ms in which urgent windows are sent.
    private const int MostGatherMilliseconds = 40;
    private const int WaitForOne = 0x10000;
    private const int DontWait = 0x40;
    private const short Readable = 1;

    private static readonly string[] Tables = ["/proc/net/udp", "/proc/net/udp6"];

    private readonly Socket _socket;
    private readonly byte* _buffers;
    private readonly byte* _names;
    private readonly IoVector* _vectors;
    private readonly Message* _messages;
    private readonly bool _isBatched = OperatingSystem.IsLinux() && nint.Size == 8;
    private readonly int _gatherMilliseconds;
    private int _got;

    public DatagramSocket(IPEndPoint endpoint, int bufferBytes, bool isShared)
    {
        _socket = new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (endpoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                _socket.DualMode = true;
            }

            if (isShared)
            {
                SetOption(SoReusePort, 1);
            }

            _socket.ReceiveTimeout = WaitMilliseconds; // so that windows close and a stop is seen without traffic
            BufferBytes = EnlargeBuffer(bufferBytes);
            _gatherMilliseconds = Math.Clamp(BufferBytes >> 21, 1, MostGatherMilliseconds); // two megabytes hold a millisecond's worth of any exporter
            _socket.Bind(endpoint);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }

        _buffers = (byte*)NativeMemory.Alloc(BatchSize, Stride);
        _names = (byte*)NativeMemory.AllocZeroed(BatchSize, NameLength);
        _vectors = (IoVector*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(IoVector));
        _messages = (Message*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(Message));
        for (var i = 0; i < BatchSize; i++)
        {
            _vectors[i] = new IoVector { Base = _buffers + (nint)i * Stride, Length = 65_535 };
            _messages[i].Header.Name = _names + (nint)i * NameLength;
            _messages[i].Header.Vectors = &_vectors[i];
            _messages[i].Header.VectorCount = 1;
        }
    }

    /// <summary>Receive buffer that the kernel gave, in bytes of payload and its bookkeeping.</summary>
    public int BufferBytes { get; }

    /// <summary>Sockets for all receiving threads. Their port is ours alone: another program's socket on it is an error, not a sharer.</summary>
    /// <exception cref="IOException">The port is in use; with <see cref="AddressInUseException"/> inside.</exception>
    public static DatagramSocket[] Open(IPEndPoint endpoint, int count, int bufferBytes)
    {
        try
        {
            using (var probe = new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp))
            {
                probe.Bind(endpoint);
            }

            return [.. Enumerable.Range(0, count).Select(_ => new DatagramSocket(endpoint, bufferBytes, isShared: count > 1))];
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            var message = $"Flows:Listen = {endpoint}: UDP port {endpoint.Port} is in use by another program. Choose another or stop it.";
            throw new IOException(message, new AddressInUseException(message, taken));
        }
    }

    /// <summary>Lets the calling thread go before others on a busy machine, when the process has the right to (CAP_SYS_NICE). Linux: a thread has a priority of its own.</summary>
    public static void PreferThisThread()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = setpriority(0, 0, -10);
        }
    }

    /// <summary>Waits for datagrams and takes what is there. 0 when nothing came.</summary>
    /// <param name="mostMilliseconds">How long at most, up to <see cref="WaitMilliseconds"/>; the portable way always waits for so long.</param>
    public int Receive(int mostMilliseconds = WaitMilliseconds)
    {
        if (!_isBatched)
        {
            return ReceiveOne();
        }

        // Few came last time: let some gather, or every datagram would cost a wake-up.
        if (_got is > 0 and < BatchSize / 2)
        {
            _ = poll(null, 0, Math.Min(mostMilliseconds, _gatherMilliseconds));
        }
        else if (mostMilliseconds < WaitMilliseconds && _got <= 0)
        {
            var waiting = new Polled { Descriptor = (int)_socket.Handle, Events = Readable };
            _ = poll(&waiting, 1, mostMilliseconds);
        }

        for (var i = 0; i < BatchSize; i++)
        {
            _messages[i].Header.NameLength = NameLength;
        }

        _got = recvmmsg((int)_socket.Handle, _messages, BatchSize, mostMilliseconds < WaitMilliseconds ? DontWait : WaitForOne, null);
        if (_got >= 0)
        {
            return _got;
        }

        var error = Marshal.GetLastPInvokeError();
        return error is Again or Interrupted ? 0 : throw new SocketException(error);
    }

    public ReadOnlySpan<byte> Datagram(int number) => new(_buffers + (nint)number * Stride, (int)_messages[number].Length);

    /// <summary>Who sent it.</summary>
    public HostAddress Source(int number)
    {
        var name = new ReadOnlySpan<byte>(_names + (nint)number * NameLength, NameLength);
        // sockaddr_in: family, port, address; sockaddr_in6: family, port, flow label, address.
        return MemoryMarshal.Read<ushort>(name) == Inet
            ? HostAddress.FromV4(BinaryPrimitives.ReadUInt32BigEndian(name[4..]))
            : HostAddress.FromV6(name[8..]);
    }

    /// <summary>Datagrams that the kernel dropped at this socket because nobody took them in time; 0 where it does not say.</summary>
    public long KernelDrops()
    {
        if (!OperatingSystem.IsLinux() || File.ResolveLinkTarget($"/proc/self/fd/{_socket.Handle}", false)?.Name is not { } link)
        {
            return 0;
        }

        var inode = link[(link.IndexOf('[', StringComparison.Ordinal) + 1)..^1];
        return Tables.Where(File.Exists).SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(columns => columns.Length > 12 && columns[9] == inode)
            .Select(columns => long.Parse(columns[12], CultureInfo.InvariantCulture))
            .FirstOrDefault();
    }

    public void Dispose()
    {
        _socket.Dispose();
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
        NativeMemory.Free(_buffers);
    }

    private int ReceiveOne()
    {
        EndPoint from = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        try
        {
            _messages[0].Length = (uint)_socket.ReceiveFrom(new Span<byte>(_buffers, 65_535), SocketFlags.None, ref from);
        }
        catch (SocketException nothing) when (nothing.SocketErrorCode == SocketError.TimedOut)
        {
            return 0;
        }

        var name = new Span<byte>(_names, NameLength);
        name.Clear();
        MemoryMarshal.Write(name, Inet + 1);
        ((IPEndPoint)from).Address.MapToIPv6().TryWriteBytes(name[8..], out _);
        return 1;
    }

    // With the right to, beyond the system's limit; else up to it.
    private int EnlargeBuffer(int bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            try
            {
                SetOption(SoReceiveBufferForce, bytes);
            }
            catch (SocketException)
            {
                _socket.ReceiveBufferSize = bytes;
            }
        }
        else
        {
            _socket.ReceiveBufferSize = bytes;
        }

        return _socket.ReceiveBufferSize;
    }

    private void SetOption(int option, int value) =>
        _socket.SetRawSocketOption(SolSocket, option, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)));

    // Linux numbers.
    private const int SolSocket = 1;
    private const int SoReusePort = 15;
    private const int SoReceiveBufferForce = 33;
    private const int Again = 11;
    private const int Interrupted = 4;
    private const ushort Inet = 2;

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int recvmmsg(int socket, Message* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int poll(Polled* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int setpriority(int which, uint who, int priority);

    private struct Polled
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    private struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    // struct msghdr without the ancillary data that we do not ask for: its place stays zero.
    [StructLayout(LayoutKind.Sequential, Size = 56)]
    private struct MessageName
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
    }

    private struct Message
    {
        public MessageName Header;
        public uint Length;
    }
}
