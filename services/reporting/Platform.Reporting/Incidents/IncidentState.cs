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
/// <param name="MitigationResult">How it ended; null while it has not.</param>
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
    string? MitigationResult,
    bool IsReported)
{
    public static readonly StreamType<IncidentState, IncidentEvent> Stream = new(
        "incident",
        new IncidentState(false, [], Guid.Empty, "", null, null, null, null, 0, 0, false, null, false),
        Evolve);

    /// <summary>A countermeasure was in force.</summary>
    public bool IsAnswered { get; private init; }

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
            IncidentSteps.AnomalyChanged => after,
            // Mitigation's own word on its end counts more than the failure that may have come before it.
            IncidentSteps.MitigationEnded =>
                after with { HasMitigation = true, MitigationResult = step.Findings.MitigationResult },
            IncidentSteps.MitigationFailed =>
                after with { HasMitigation = true, MitigationResult = MitigationResult ?? MitigationResults.NotDefended },
            IncidentSteps.CountermeasureAnnounced => after with { HasMitigation = true, IsAnswered = true },
            _ => after with { HasMitigation = true },
        };
    }
}
