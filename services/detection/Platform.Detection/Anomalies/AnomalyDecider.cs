using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <param name="Subject">The target, and the identity that a new anomaly would get.</param>
/// <param name="Second">Start of the second (UTC).</param>
/// <param name="Total">All traffic of that second that is known so far.</param>
/// <param name="Over">The vectors over their threshold, greatest excess first.</param>
/// <param name="Pulses">How often it rose after a pause, the first rise included.</param>
/// <param name="Explanation">Why.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Prefixes">What it is spread over, greatest first; null: its target alone, or it was not asked.</param>
/// <param name="OpenSince">When the anomaly was recognised that its judge takes it for a second of (UTC); null: it would open one.</param>
/// <param name="Earlier">Anomalies of the target on the days before; null: nobody asked.</param>
internal sealed record JudgeSecond(
    AnomalySubject Subject,
    DateTimeOffset Second,
    Amount Total,
    IReadOnlyList<VectorMeasurement> Over,
    int Pulses,
    Explanation? Explanation,
    DateTimeOffset At,
    IReadOnlyList<PrefixShare>? Prefixes = null,
    DateTimeOffset? OpenSince = null,
    IReadOnlyList<EarlierAnomaly>? Earlier = null);

/// <param name="AnomalyId">The anomaly that is thought to be over.</param>
/// <param name="Reason">Why.</param>
/// <param name="QuietSince">When traffic was last seen near a threshold (UTC).</param>
/// <param name="QuietFor">How long it must have been low.</param>
/// <param name="PeakBitsPerSecond">Greatest rate that was measured.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate that was measured.</param>
/// <param name="Until">End of the last second near a threshold (UTC).</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Pulses">Pulses that were seen.</param>
/// <param name="Most">Of each vector that was over the most that was measured.</param>
internal sealed record EndAnomaly(
    Guid AnomalyId,
    EndReason Reason,
    DateTimeOffset QuietSince,
    TimeSpan QuietFor,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    DateTimeOffset Until,
    DateTimeOffset At,
    int Pulses = 1,
    IReadOnlyList<VectorMeasurement>? Most = null);

/// <param name="Reason">Why, 1 to 200 characters.</param>
/// <param name="Most">Of each vector of an open anomaly the most that its judge has measured; null: not known.</param>
/// <param name="Role">Of the operator.</param>
internal sealed record MarkFalse(
    Guid AnomalyId, string MarkedBy, string Reason, DateTimeOffset At, IReadOnlyList<VectorMeasurement>? Most = null, string? Role = null);

/// <summary>
/// When an anomaly opens, changes and ends. Pure and cheap: the engine asks it in memory for every window, and the store asks it again, with what
/// was really recorded, when something would happen.
/// </summary>
internal static class AnomalyDecider
{
    public static Decision<AnomalyEvent> Decide(AnomalyState current, JudgeSecond command)
    {
        if (command.Over.Count == 0)
        {
            return Decision<AnomalyEvent>.Unchanged; // nothing fires without a rule
        }

        var total = command.Total;
        if (current.Open is not { } open)
        {
            if (command.OpenSince is not null)
            {
                return Decision<AnomalyEvent>.Unchanged; // it is over, as its judge will hear; what goes on is another one
            }

            return new AnomalyDetected(
                command.Subject,
                command.Over,
                total.Bits,
                total.Packets,
                Since: command.Second,
                command.At,
                SeverityOf(command, TimeSpan.Zero),
                Explained(command, command.At, total),
                command.Prefixes);
        }

        var severity = SeverityOf(command, command.At - current.DetectedAt);
        var isNews = command.Over.Any(vector => !current.Vectors.Contains(vector.Vector))
            || total.Bits / 2 >= Math.Max(1, current.PeakBitsPerSecond)
            || total.Packets / 2 >= Math.Max(1, current.PeakPacketsPerSecond)
            || severity > current.Severity
            || (current.Prefixes.Count < PrefixShare.Most && command.Prefixes?.Any(prefix => !current.Prefixes.Contains(prefix.Prefix)) == true)
            || command.Pulses / 2 >= current.Pulses;
        return isNews
            ? new AnomalyChanged(
                open,
                command.Over,
                Math.Max(current.PeakBitsPerSecond, total.Bits),
                Math.Max(current.PeakPacketsPerSecond, total.Packets),
                current.Revision + 1,
                command.At,
                (Severity)Math.Max((int)severity, (int)current.Severity),
                Math.Max(command.Pulses, current.Pulses),
                Explained(command, current.DetectedAt, new(Math.Max(current.PeakBitsPerSecond, total.Bits), Math.Max(current.PeakPacketsPerSecond, total.Packets))),
                Prefixes(current, command.Prefixes))
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
            command.At,
            current.Severity,
            Math.Max(command.Pulses, current.Pulses),
            command.Most is { Count: > 0 } most ? most : null);
    }

    public static Decision<AnomalyEvent> Decide(KnownAnomaly current, MarkFalse command)
    {
        if (current.Subject is not { } subject)
        {
            return AnomalyRejections.Unknown(command.AnomalyId);
        }

        if (command.Reason.Trim().Length is 0 or > 200)
        {
            return ProtectedObjectRejections.ReasonInvalid;
        }

        return current.MarkedWith is not null
            ? Decision<AnomalyEvent>.Unchanged
            : new AnomalyMarkedFalse(
                command.AnomalyId,
                command.MarkedBy,
                command.At,
                command.Reason.Trim(),
                subject,
                current.With(command.Most ?? []).Proposal(),
                command.Most,
                command.Role);
    }

    /// <summary>Why, with what of it came on the days before.</summary>
    private static Explanation? Explained(JudgeSecond command, DateTimeOffset detectedAt, Amount peak) => command.Explanation is { } why && command.Earlier is { } earlier
        ? why.After(Recurrence.Of(earlier, detectedAt, why.Vector, peak.Bits, peak.Packets))
        : command.Explanation;

    /// <summary>Who was attacked stays named: where its traffic went on to, it may come back from.</summary>
    private static IReadOnlyList<PrefixShare>? Prefixes(AnomalyState current, IReadOnlyList<PrefixShare>? now) => now is null ? null :
    [
        .. now
            .OrderByDescending(prefix => current.Prefixes.Contains(prefix.Prefix))
            .Take(PrefixShare.Most - current.Prefixes.Count(known => now.All(prefix => !prefix.Prefix.Equals(known))))
            .OrderByDescending(prefix => prefix.Part),
        .. current.Prefixes.Where(known => now.All(prefix => !prefix.Prefix.Equals(known))).Select(known => new PrefixShare(known, 0)).OrderBy(known => $"{known.Prefix}", StringComparer.Ordinal),
    ];

    private static Severity SeverityOf(JudgeSecond command, TimeSpan lasting) =>
        Severities.Of(command.Over.Max(vector => vector.Excess()), lasting);
}
