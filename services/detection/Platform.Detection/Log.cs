using Platform.Detection.Anomalies;

namespace Platform.Detection;

/// <summary>Every log message of the service.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "In line for traffic windows of {Partitions} partitions")]
    public static partial void Consuming(this ILogger log, int partitions);

    [LoggerMessage(2, LogLevel.Warning, "The telemetry bus is away: {Fault}")]
    public static partial void BrokerAway(this ILogger log, string fault);

    [LoggerMessage(3, LogLevel.Warning, "The database is away, {What} wait: {Fault}")]
    public static partial void DatabaseAway(this ILogger log, string what, string fault);

    [LoggerMessage(4, LogLevel.Information, "Anomaly {AnomalyId} of {Target}: {BitsPerSecond} bits/s, {PacketsPerSecond} packets/s; {Latency} after the first datagram")]
    public static partial void AnomalyDetected(
        this ILogger log, Guid anomalyId, string target, long bitsPerSecond, long packetsPerSecond, TimeSpan? latency);

    [LoggerMessage(5, LogLevel.Information, "Anomaly {AnomalyId} of {Target} is over: {Reason}")]
    public static partial void AnomalyEnded(this ILogger log, Guid anomalyId, string target, EndReason reason);

    [LoggerMessage(6, LogLevel.Warning, "A finding about object {ObjectId} was refused: {Code}")]
    public static partial void FindingRefused(this ILogger log, string code, Guid objectId);

    [LoggerMessage(7, LogLevel.Warning, "{Queue} is not read by this process: {Fault}")]
    public static partial void PartitionAway(this ILogger log, string queue, string fault);

    [LoggerMessage(8, LogLevel.Information, "{Queue} is given to another process, so that each has its share")]
    public static partial void PartitionGiven(this ILogger log, string queue);

    [LoggerMessage(9, LogLevel.Error, "What was found of {Target} (object {ObjectId}) cannot be recorded and is given up")]
    public static partial void FindingFailed(this ILogger log, Exception fault, Guid objectId, string target);

    [LoggerMessage(10, LogLevel.Warning, "The end of anomaly {AnomalyId} waits for others who write to its stream")]
    public static partial void EndContended(this ILogger log, Guid anomalyId);

    [LoggerMessage(11, LogLevel.Information, "The floor of object {ObjectId} out of anomaly {AnomalyId} is not needed any more: {Reason}")]
    public static partial void FloorEnded(this ILogger log, Guid objectId, Guid anomalyId, string reason);
}
