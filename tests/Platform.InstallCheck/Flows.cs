using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Platform.InstallCheck;

/// <summary>Sends NetFlow v5 datagrams and counts them.</summary>
internal sealed class Flows : IDisposable
{
    public const int RecordsPerDatagram = 30;
    private const int Header = 24;
    private const int Record = 48;
    private readonly Socket _socket;
    private readonly long _start;
    private readonly TimeProvider _clock;
    private uint _sequence;

    public Flows(string host, int port, TimeProvider clock)
    {
        (_clock, _start) = (clock, clock.GetTimestamp());
        var collector = Dns.GetHostAddresses(host)[0]; // of the family that the cluster gives its services
        _socket = new Socket(collector.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { SendBufferSize = 4 << 20 };
        _socket.Connect(collector, port);
    }

    public long Datagrams { get; private set; }

    public long Records { get; private set; }

    /// <summary>One datagram of UDP flows to <paramref name="target"/> that lasted the last <paramref name="lasting"/>.</summary>
    public void Send(IPAddress target, int records, int packetsPerRecord, int bytesPerPacket, TimeSpan lasting)
    {
        var now = _clock.GetUtcNow();
        var uptime = (uint)_clock.GetElapsedTime(_start).TotalMilliseconds + 600_000;
        Span<byte> datagram = stackalloc byte[Header + (RecordsPerDatagram * Record)];
        datagram = datagram[..(Header + (records * Record))];
        datagram.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(datagram, 5);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[2..], (ushort)records);
        BinaryPrimitives.WriteUInt32BigEndian(datagram[4..], uptime);
        BinaryPrimitives.WriteUInt32BigEndian(datagram[8..], (uint)now.ToUnixTimeSeconds());
        BinaryPrimitives.WriteUInt32BigEndian(datagram[12..], (uint)now.Millisecond * 1_000_000);
        BinaryPrimitives.WriteUInt32BigEndian(datagram[16..], _sequence);
        for (var i = 0; i < records; i++)
        {
            var flow = datagram[(Header + (i * Record))..];
            BinaryPrimitives.WriteUInt32BigEndian(flow, 0xC6336400u + (_sequence + (uint)i) % 254 + 1); // 198.51.100.1 to .254
            target.TryWriteBytes(flow[4..], out _);
            BinaryPrimitives.WriteUInt32BigEndian(flow[16..], (uint)packetsPerRecord);
            BinaryPrimitives.WriteUInt32BigEndian(flow[20..], (uint)(packetsPerRecord * bytesPerPacket));
            BinaryPrimitives.WriteUInt32BigEndian(flow[24..], uptime - (uint)lasting.TotalMilliseconds);
            BinaryPrimitives.WriteUInt32BigEndian(flow[28..], uptime);
            BinaryPrimitives.WriteUInt16BigEndian(flow[32..], 123);
            BinaryPrimitives.WriteUInt16BigEndian(flow[34..], (ushort)(1024 + i));
            flow[38] = 17; // UDP
        }

        _sequence += (uint)records;
        try
        {
            _socket.Send(datagram);
            Datagrams++;
            Records += records;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.HostUnreachable)
        {
            // Nobody listens for a moment: a router would not notice either, and what it sent is lost and counted so.
            Datagrams++;
            Records += records;
        }
    }

    public void Dispose() => _socket.Dispose();
}
