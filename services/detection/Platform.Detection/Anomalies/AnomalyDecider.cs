using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <param name="Subject">The target, and the identity that a new anomaly would get.</param>
/// <param name="Second">Start of the second (UTC).</param>
/// <param name="Traffic">All of that second that is known so far.</param>
/// <param name="Thresholds">Thresholds of the object.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record JudgeSecond(
    AnomalySubject Subject,
    DateTimeOffset Second,
    SecondTraffic Traffic,
    IReadOnlyList<Threshold> Thresholds,
    DateTimeOffset At);

/// <param name="AnomalyId">The anomaly that is thought to be over.</param>
/// <param name="Reason">Why.</param>
/// <param name="QuietSince">When traffic was last seen near a threshold (UTC).</param>
/// <param name="QuietFor">How long it must have been low.</param>
/// <param name="PeakBitsPerSecond">Greatest rate that was measured.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate that was measured.</param>
/// <param name="Until">End of the last second near a threshold (UTC).</param>
/// <param name="At">Now (UTC).</param>
internal sealed record EndAnomaly(
    Guid AnomalyId,
    EndReason Reason,
    DateTimeOffset QuietSince,
    TimeSpan QuietFor,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    DateTimeOffset Until,
    DateTimeOffset At);

/// <summary>
/// When an anomaly opens, changes and ends. Pure and cheap: the engine asks it in memory for every window, and the store asks it again, with what
/// was really recorded, when something would happen.
/// </summary>
internal static class AnomalyDecider
{
    public static Decision<AnomalyEvent> Decide(AnomalyState current, JudgeSecond command)
    {
        var over = command.Traffic.Over(command.Thresholds);
        if (over.Count == 0)
        {
            return Decision<AnomalyEvent>.Unchanged;
        }

        var total = command.Traffic.Total;
        if (current.Open is not { } open)
        {
            return new AnomalyDetected(command.Subject, over, total.Bits, total.Packets, Since: command.Second, command.At);
        }

        var hasNewVector = over.Any(vector => !current.Vectors.Contains(vector.Vector));
        var hasDoubled = total.Bits / 2 >= Math.Max(1, current.PeakBitsPerSecond)
            || total.Packets / 2 >= Math.Max(1, current.PeakPacketsPerSecond);
        return hasNewVector || hasDoubled
            ? new AnomalyChanged(
                open,
                over,
                Math.Max(current.PeakBitsPerSecond, total.Bits),
                Math.Max(current.PeakPacketsPerSecond, total.Packets),
                current.Revision + 1,
                command.At)
            : Decision<AnomalyEvent>.Unchanged;
    }

    public static Decision<AnomalyEvent> Decide(AnomalyState current, EndAnomaly command)
    {
        if (current.Open is not { } open || open.AnomalyId != command.AnomalyId)
        {
            return Decision<AnomalyEvent>.Unchanged; // over already, or another one since
        }

        if (command.Reason is EndReason.Subsided && command.At - command.QuietSince < command.QuietFor)
        {
            return Decision<AnomalyEvent>.Unchanged;
        }

        return new AnomalyEnded(
            open,
            Math.Max(current.PeakBitsPerSecond, command.PeakBitsPerSecond),
            Math.Max(current.PeakPacketsPerSecond, command.PeakPacketsPerSecond),
            command.Reason,
            command.Until,
            command.At);
    }
}
