using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Platform.Local;

/// <summary>
/// Plays a router: sends flow datagrams from a loopback address of its own, by which ingestion knows it. Like any router it always has something to report:
/// twice a second a packet to an address that nobody protects, until it is disposed.
/// </summary>
public sealed class Exporter : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Stopwatch _uptime = Stopwatch.StartNew();
    private readonly Timer _others;
    private uint _sequence;

    /// <param name="address">Any address of 127.0.0.0/8.</param>
    /// <param name="collectorPort">Ingestion's UDP port on 127.0.0.1.</param>
    public Exporter(string address, int collectorPort)
    {
        Address = address;
        _socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        _socket.Connect(IPAddress.Loopback, collectorPort);
        var pace = TimeSpan.FromMilliseconds(500);
        _others = new Timer(_ => _ = Report("240.0.0.1", packets: 1, bytesPerPacket: 64, pace), null, pace, pace);
    }

    public string Address { get; }

    /// <summary>Sends a capture at the pace at which it was recorded; tells each datagram's time after it was sent.</summary>
    public async Task Play(Capture capture, Action<TimeSpan> sent, CancellationToken cancellationToken)
    {
        var since = Stopwatch.StartNew();
        foreach (var (at, datagram) in capture.Datagrams)
        {
            if (at - since.Elapsed is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, cancellationToken);
            }

            await Send(datagram);
            sent(at);
        }
    }

    /// <summary>Sends a steady flood to one address as NetFlow v5, ten times a second, until cancelled.</summary>
    public Task Flood(string target, int packetsPerSecond, int bytesPerPacket, CancellationToken cancellationToken) =>
        Flood(target, () => packetsPerSecond, bytesPerPacket, cancellationToken);

    /// <summary>The same of a flood that changes; <paramref name="packetsPerSecond"/> is asked before each datagram.</summary>
    public async Task Flood(string target, Func<int> packetsPerSecond, int bytesPerPacket, CancellationToken cancellationToken)
    {
        const int perSecond = 10;
        var since = Stopwatch.StartNew();
        try
        {
            for (var i = 0; ; i++)
            {
                await Report(target, packetsPerSecond() / perSecond, bytesPerPacket, TimeSpan.FromSeconds(1.0 / perSecond));
                if (TimeSpan.FromSeconds((double)(i + 1) / perSecond) - since.Elapsed is { Ticks: > 0 } wait)
                {
                    await Task.Delay(wait, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // That is how it ends.
        }
    }

    /// <summary>Sends one datagram with one UDP flow that ends now.</summary>
    public Task Report(string target, int packets, int bytesPerPacket, TimeSpan lasting) =>
        Send(NetFlow5(target, packets, bytesPerPacket, lasting));

    public void Dispose()
    {
        _others.Dispose();
        _socket.Dispose();
    }

    /// <summary>Sends one datagram as it is.</summary>
    public async Task Send(ReadOnlyMemory<byte> datagram)
    {
        try
        {
            await _socket.SendAsync(datagram);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused)
        {
            // Nobody listens for a moment, as after a kill of ingestion: a router would not notice either.
        }
        catch (ObjectDisposedException)
        {
            // Its last word.
        }
    }

    private byte[] NetFlow5(string target, int packets, int bytesPerPacket, TimeSpan lasting)
    {
        const int header = 24, record = 48;
        const byte udp = 17;
        var datagram = new byte[header + record];
        var now = TimeProvider.System.GetUtcNow();
        var uptime = (uint)_uptime.ElapsedMilliseconds + 60_000;
        BinaryPrimitives.WriteUInt16BigEndian(datagram, 5);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), 1);
        BinaryPrimitives.WriteUInt32BigEndian(datagram.AsSpan(4), uptime);
        BinaryPrimitives.WriteUInt32BigEndian(datagram.AsSpan(8), (uint)now.ToUnixTimeSeconds());
        BinaryPrimitives.WriteUInt32BigEndian(datagram.AsSpan(12), (uint)now.Millisecond * 1_000_000);
        BinaryPrimitives.WriteUInt32BigEndian(datagram.AsSpan(16), Interlocked.Increment(ref _sequence) - 1);
        var flow = datagram.AsSpan(header);
        IPAddress.Parse("198.51.100.66").TryWriteBytes(flow, out _);
        IPAddress.Parse(target).TryWriteBytes(flow[4..], out _);
        BinaryPrimitives.WriteUInt32BigEndian(flow[16..], (uint)packets);
        BinaryPrimitives.WriteUInt32BigEndian(flow[20..], (uint)(packets * bytesPerPacket));
        BinaryPrimitives.WriteUInt32BigEndian(flow[24..], uptime - (uint)lasting.TotalMilliseconds);
        BinaryPrimitives.WriteUInt32BigEndian(flow[28..], uptime);
        BinaryPrimitives.WriteUInt16BigEndian(flow[32..], 40_000);
        BinaryPrimitives.WriteUInt16BigEndian(flow[34..], 53);
        flow[38] = udp;
        return datagram;
    }
}
