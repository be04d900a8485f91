using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Platform.Detection;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    public static readonly ActivitySource Source = new("Platform.Detection");

    private static readonly Meter Meter = new("Platform.Detection");

    private static readonly Counter<long> WindowsJudged = Meter.CreateCounter<long>(
        "platform.detection.windows", "{window}", "Increments of host and second that were judged.");

    private static readonly Counter<long> WindowsIgnored = Meter.CreateCounter<long>(
        "platform.detection.windows.ignored", "{window}", "Increments that were not judged, by reason.");

    private static readonly Counter<long> WindowsLate = Meter.CreateCounter<long>(
        "platform.detection.windows.late", "{window}", "Increments that came too late to be added up and were judged by themselves.");

    private static readonly Counter<long> WindowsAhead = Meter.CreateCounter<long>(
        "platform.detection.windows.ahead", "{window}", "Increments of seconds that are not here yet, judged as of now: the clock of an ingestion node is ahead.");

    private static readonly Counter<long> BatchesLost = Meter.CreateCounter<long>(
        "platform.detection.batches.lost", "{batch}", "Batches that a source numbered and that never came.");

    private static readonly Counter<long> FindingsFailed = Meter.CreateCounter<long>(
        "platform.detection.findings.failed", "{finding}", "Findings that could not be recorded and were given up; the log says why.");

    private static readonly Counter<long> AnomaliesDetected = Meter.CreateCounter<long>(
        "platform.detection.anomalies.detected", "{anomaly}", "Anomalies that were opened.");

    private static readonly Counter<long> AnomaliesEnded = Meter.CreateCounter<long>(
        "platform.detection.anomalies.ended", "{anomaly}", "Anomalies that were ended.");

    private static readonly Histogram<double> Latency = Meter.CreateHistogram<double>(
        "platform.detection.latency",
        "s",
        "From the arrival of a batch's oldest datagram to the anomaly's append.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10] });

    public static void Judged(int windows) => WindowsJudged.Add(windows);

    public static void Ignored(string reason, int windows) =>
        WindowsIgnored.Add(windows, new KeyValuePair<string, object?>("reason", reason));

    public static void Late() => WindowsLate.Add(1);

    public static void Ahead() => WindowsAhead.Add(1);

    public static void Lost(ulong batches)
    {
        if (batches > 0)
        {
            BatchesLost.Add((long)Math.Min(batches, long.MaxValue));
        }
    }

    public static void FindingFailed() => FindingsFailed.Add(1);

    public static void Detected(TimeSpan? latency)
    {
        AnomaliesDetected.Add(1);
        if (latency is { } known)
        {
            Latency.Record(known.TotalSeconds);
        }
    }

    public static void Ended() => AnomaliesEnded.Add(1);

    public static void ObserveHosts(Func<long> count) =>
        Meter.CreateObservableGauge("platform.detection.hosts", count, "{host}", "Hosts kept in memory.");

    public static void ObservePartitions(Func<int> count) =>
        Meter.CreateObservableGauge("platform.detection.partitions", count, "{partition}", "Partitions of the telemetry bus that this process reads.");
}
