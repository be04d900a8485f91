using System.Diagnostics.Metrics;

namespace Platform.Retention;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    private static readonly Meter Meter = new("Platform.Retention");

    private static readonly Counter<long> Requests = Meter.CreateCounter<long>(
        "platform.retention.requests", "{request}", "Requests to erase, repeated ones included.");

    private static readonly Counter<long> Certificates = Meter.CreateCounter<long>(
        "platform.retention.certificates", "{certificate}", "Erasures that every owner has answered.");

    private static readonly Gauge<long> Waiting = Meter.CreateGauge<long>(
        "platform.retention.erasures.waiting", "{erasure}", "Erasures that are due and not certified.");

    private static readonly Counter<long> Reads = Meter.CreateCounter<long>(
        "platform.retention.residual.reads", "{read}", "Reads of residual data, by class.");

    public static void Requested() => Requests.Add(1);

    public static void Certified() => Certificates.Add(1);

    public static void StillWaiting(long erasures) => Waiting.Record(erasures);

    public static void ResidualRead(string dataClass) =>
        Reads.Add(1, new KeyValuePair<string, object?>("class", dataClass));
}
