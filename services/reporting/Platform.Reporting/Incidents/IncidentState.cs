using System.Collections.Immutable;
using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Reporting.Incidents;

/// <summary>What the rules need to remember about one incident.</summary>
/// <param name="IsOpen">At least one fact was heard.</param>
/// <param name="Steps">Messages that are in the timeline.</param>
/// <param name="IncidentId">Equal to the anomaly's.</param>
/// <param name="ServiceCode">Service code of the contract.</param>
/// <param name="Target">Attacked prefix; known with the detection.</param>
/// <param name="DetectedAt">When the anomaly was recognised.</param>
/// <param name="EndedAt">When its end was recognised.</param>
/// <param name="SettledSince">
/// When the later of detection and end was heard here; the grace for a first word of mitigation runs from here.
/// </param>
/// <param name="PeakBitsPerSecond">Greatest rate heard so far.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate heard so far.</param>
/// <param name="HasMitigation">Mitigation was heard of.</param>
/// <param name="HasStarted">The rules began a defence.</param>
/// <param name="HasFailed">The rules' defence was refused.</param>
/// <param name="EndedAs">How the rules' defence ended; null while it has not.</param>
/// <param name="ByHand">Defences that persons began, each with how it ended; null while it has not.</param>
/// <param name="IsReported">The report is out.</param>
internal sealed record IncidentState(
    bool IsOpen,
    ImmutableHashSet<Guid> Steps,
    Guid IncidentId,
    string ServiceCode,
    string? Target,
    DateTimeOffset? DetectedAt,
    DateTimeOffset? EndedAt,
    DateTimeOffset? SettledSince,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    bool HasMitigation,
    bool HasStarted,
    bool HasFailed,
    string? EndedAs,
    ImmutableDictionary<Guid, string?> ByHand,
    bool IsReported)
{
    public static readonly StreamType<IncidentState, IncidentEvent> Stream = new(
        "incident",
        new IncidentState(false, [], Guid.Empty, "", null, null, null, null, 0, 0, false, false, false, null, ImmutableDictionary<Guid, string?>.Empty, false),
        Evolve);

    /// <summary>A countermeasure was in force.</summary>
    public bool IsAnswered { get; private init; }

    /// <summary>The rules' defence may begin anew, after the kill switch or a dry run: when it began and ended last, whatever is heard first.</summary>
    private (DateTimeOffset? Began, DateTimeOffset? Ended) Defence { get; init; }

    /// <summary>
    /// How the defence ended, the best where persons began further ones; null while one has not. A refusal counts only where nothing began after it: what it
    /// was refused for may have passed.
    /// </summary>
    public string? MitigationResult => (EndedAs ?? (HasFailed && !HasStarted ? MitigationResults.NotDefended : null)) is { } ofTheRules
        && !ByHand.ContainsValue(null)
            ? MitigationResults.Best(ByHand.Values.OfType<string>().Append(ofTheRules))
            : null;

    /// <summary>The attack is known from its beginning to its end.</summary>
    public bool AttackIsOver => DetectedAt is not null && EndedAt is not null;

    public static IncidentState Evolve(IncidentState current, IncidentEvent happened) => happened switch
    {
        IncidentOpened e => current with { IsOpen = true, IncidentId = e.IncidentId, ServiceCode = e.ServiceCode },
        IncidentStepRecorded e => current.With(e),
        IncidentReportPublished => current with { IsReported = true },
        IncidentClosed => current,
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the incident stream."),
    };

    private IncidentState With(IncidentStepRecorded step)
    {
        var after = this with
        {
            Steps = Steps.Add(step.StepId),
            PeakBitsPerSecond = Math.Max(PeakBitsPerSecond, step.Findings.PeakBitsPerSecond ?? 0),
            PeakPacketsPerSecond = Math.Max(PeakPacketsPerSecond, step.Findings.PeakPacketsPerSecond ?? 0),
        };
        return step.Step switch
        {
            IncidentSteps.AnomalyDetected =>
                after with { DetectedAt = step.HappenedAt, Target = step.Findings.Target, SettledSince = step.HeardAt },
            IncidentSteps.AnomalyEnded => after with { EndedAt = step.HappenedAt, SettledSince = step.HeardAt },
            IncidentSteps.AnomalyChanged or IncidentSteps.AnomalyMarkedFalse => after,
            // Its end counts, whichever of the two is heard first.
            IncidentSteps.MitigationStarted or IncidentSteps.MitigationEnded when step.Findings.ByHand is { } id => after with
            {
                HasMitigation = true,
                ByHand = ByHand.SetItem(id, step.Findings.MitigationResult ?? ByHand.GetValueOrDefault(id)),
            },
            IncidentSteps.MitigationStarted => after with
            {
                HasMitigation = true,
                HasStarted = true,
                EndedAs = step.HappenedAt > Defence.Ended ? null : EndedAs,
                Defence = (Defence.Began > step.HappenedAt ? Defence.Began : step.HappenedAt, Defence.Ended),
            },
            IncidentSteps.MitigationEnded => after with
            {
                HasMitigation = true,
                EndedAs = Defence.Began > step.HappenedAt || Defence.Ended > step.HappenedAt ? EndedAs : step.Findings.MitigationResult,
                Defence = (Defence.Began, Defence.Ended > step.HappenedAt ? Defence.Ended : step.HappenedAt),
            },
            IncidentSteps.MitigationFailed => after with { HasMitigation = true, HasFailed = true },
            IncidentSteps.CountermeasureAnnounced =>
                after with { HasMitigation = true, IsAnswered = IsAnswered || step.Findings.InForce is not null },
            _ => after with { HasMitigation = true },
        };
    }
}
