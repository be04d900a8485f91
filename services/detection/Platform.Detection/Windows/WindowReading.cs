using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>What the telemetry bus says, in our terms.</summary>
internal static class WindowReading
{
    private const int KnownVectors = (int)TrafficVector.TcpInvalid - 1;

    public static SecondTraffic ReadTraffic(this HostWindow window)
    {
        var traffic = SecondTraffic.Of(Read(window.Total));
        foreach (var vector in window.Vectors)
        {
            if ((int)vector.Vector is > 0 and <= KnownVectors) // a vector of a later release is part of the total
            {
                traffic.Add((TrafficVector)((int)vector.Vector + 1), Read(vector.Counters));
            }
        }

        return traffic;
    }

    private static Amount Read(Counters? counters) => counters is null
        ? default
        : new(
            (long)Math.Min(counters.Bytes, long.MaxValue / 8) * 8,
            (long)Math.Min(counters.Packets, long.MaxValue),
            (long)Math.Min(counters.Flows, long.MaxValue));
}
