using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Anomalies;

/// <summary>
/// Of some traffic what came from ports of services: from 443, which may be TCP or UDP (QUIC), and from others, which are TCP. Floods have another port for each
/// packet, an odd one, or that of the service they abuse to amplify.
/// </summary>
internal readonly record struct Served(float HttpsBits, float HttpsPackets, float OtherBits, float OtherPackets)
{
    private const uint Https = 443;

    public static Served operator +(Served left, Served right) => new(
        left.HttpsBits + right.HttpsBits, left.HttpsPackets + right.HttpsPackets, left.OtherBits + right.OtherBits, left.OtherPackets + right.OtherPackets);

    /// <summary>Never below nothing.</summary>
    public static Served operator -(Served left, Served right) => new(
        Math.Max(0, left.HttpsBits - right.HttpsBits),
        Math.Max(0, left.HttpsPackets - right.HttpsPackets),
        Math.Max(0, left.OtherBits - right.OtherBits),
        Math.Max(0, left.OtherPackets - right.OtherPackets));

    public static Served operator *(Served left, double times) => new(
        (float)(left.HttpsBits * times), (float)(left.HttpsPackets * times), (float)(left.OtherBits * times), (float)(left.OtherPackets * times));

    /// <summary>Bits or packets that may be of a vector: at the most what the vector has.</summary>
    public double Of(TrafficVector vector, TrafficUnit unit, in SecondTraffic traffic)
    {
        var (https, other) = unit is TrafficUnit.Bits ? (HttpsBits, OtherBits) : (HttpsPackets, OtherPackets);
        return vector switch
        {
            TrafficVector.Total => https + other,
            TrafficVector.TcpAck or TrafficVector.TcpFinless => Math.Min(https + other, traffic[vector][unit]),
            TrafficVector.Udp => Math.Min(https, traffic[vector][unit]),
            _ => 0,
        };
    }

    /// <summary>As the ports say that a sketch lists.</summary>
    public static Served ListedIn(TrafficSketch sketch)
    {
        var served = default(Served);
        foreach (var port in sketch.SourcePorts)
        {
            var (bits, packets) = ((port.Counters?.Bytes ?? 0) * 8f, (float)(port.Counters?.Packets ?? 0));
            served += port.Number is Https ? new Served(bits, packets, 0, 0) : IsService(port.Number) ? new Served(0, 0, bits, packets) : default;
        }

        return served;
    }

    /// <summary>
    /// At the most. A sketch lists the largest ports only: where 443 is not among them, as of few sampled packets that all have another port, it may have as much as
    /// the least of them, in the longest packets.
    /// </summary>
    public static Served In(TrafficSketch sketch)
    {
        var served = ListedIn(sketch);
        var (listed, least) = (sketch.SourcePorts.Sum(port => (double)(port.Counters?.Packets ?? 0)), sketch.SourcePorts.Min(port => (double?)port.Counters?.Packets) ?? 0);
        if (least == 0 || listed >= (sketch.Total?.Packets ?? 0) || sketch.SourcePorts.Any(port => port.Number is Https))
        {
            return served;
        }

        var longest = sketch.PacketLengths.Where(length => length.Counters?.Packets > 0).MaxBy(length => length.Number)?.Counters;
        var hidden = Math.Min(least, Math.Min(longest?.Packets ?? 0, sketch.Total!.Packets - listed));
        return hidden <= 0 ? served : served + new Served((float)(hidden * longest!.Bytes * 8 / longest.Packets), (float)hidden, 0, 0);
    }

    /// <summary>Of other traffic as large a part.</summary>
    public Served Part(Amount of, Amount amount)
    {
        var (bits, packets) = ((float)amount.Bits / Math.Max(1, of.Bits), (float)amount.Packets / Math.Max(1, of.Packets));
        return new(HttpsBits * bits, HttpsPackets * packets, OtherBits * bits, OtherPackets * packets);
    }

    /// <summary>Ports that files come from over TCP: not those that answer over UDP to anybody.</summary>
    private static bool IsService(uint port) => port is (< 1024 and not (17 or 19 or 53 or 69 or 111 or 123 or 137 or 161 or 389 or 520)) or 8080 or 8443;
}
