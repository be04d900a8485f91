using Platform.EventStore;

namespace Platform.Reporting.Incidents;

/// <summary>A fact about an anomaly was heard.</summary>
internal sealed record RecordStep(
    Guid StepId,
    Guid IncidentId,
    string ServiceCode,
    string Step,
    DateTimeOffset HappenedAt,
    string Actor,
    IncidentFindings Findings,
    IReadOnlyDictionary<string, string> Details,
    DateTimeOffset At);

/// <summary>Time passed: report an attack that is over and of which mitigation has said nothing.</summary>
/// <param name="Grace">How long a first word of mitigation is waited for.</param>
/// <param name="At">Now.</param>
internal sealed record ReportWithoutMitigation(TimeSpan Grace, DateTimeOffset At);

/// <summary>
/// The rules of an incident's record. Facts come in any order and more than once, so a rule asks only what is known by
/// now, never what
/// came before. The report is published once, at the first of: the attack is over and its defence has ended or failed;
/// the attack is
/// over and mitigation has not said a word within the grace.
/// </summary>
internal static class IncidentDecider
{
    public static Decision<IncidentEvent> Decide(IncidentState current, RecordStep command)
    {
        if (current.Steps.Contains(command.StepId))
        {
            return Decision<IncidentEvent>.Unchanged; // the same message again
        }

        var happened = new List<IncidentEvent>();
        if (!current.IsOpen)
        {
            happened.Add(new IncidentOpened(command.IncidentId, command.ServiceCode, command.At));
        }

        happened.Add(new IncidentStepRecorded(
            command.StepId,
            command.ServiceCode,
            command.Step,
            command.HappenedAt,
            HeardAt: command.At,
            command.Actor,
            command.Findings,
            command.Details,
            Late: current.IsReported));

        var after = happened.Aggregate(current, IncidentState.Evolve);
        if (after is { IsReported: false, AttackIsOver: true, MitigationResult: { } result })
        {
            happened.AddRange(Report(after, result, command.At));
        }

        return happened.ToArray();
    }

    public static Decision<IncidentEvent> Decide(IncidentState current, ReportWithoutMitigation command) =>
        current is { IsReported: false, AttackIsOver: true, HasMitigation: false }
            && command.At >= current.SettledSince + command.Grace
            ? Report(current, MitigationResults.None, command.At)
            : Decision<IncidentEvent>.Unchanged;

    /// <summary>
    /// Only what both conditions of a report guarantee goes into it, so that it reads the same in whatever order the
    /// facts came. The peak
    /// of <c>anomaly-ended</c> is the whole anomaly's.
    /// </summary>
    private static IncidentEvent[] Report(IncidentState state, string mitigationResult, DateTimeOffset at) =>
    [
        new IncidentReportPublished(
            state.IncidentId,
            state.ServiceCode,
            state.Target!,
            state.PeakBitsPerSecond,
            state.PeakPacketsPerSecond,
            mitigationResult,
            state.DetectedAt!.Value,
            state.EndedAt!.Value,
            PublishedAt: at),
        new IncidentClosed(state.IncidentId, state.ServiceCode, at),
    ];
}
