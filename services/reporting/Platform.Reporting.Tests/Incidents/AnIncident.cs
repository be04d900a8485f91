using Platform.Reporting.Incidents;

namespace Platform.Reporting.Tests.Incidents;

/// <summary>One incident as its facts tell it: detected at noon, defended, over after ten minutes.</summary>
internal static class AnIncident
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly Guid Id = Guid.Parse("0190cccc-0000-7000-8000-000000000001");

    public const string ServiceCode = "DP00000001";

    public static readonly RecordStep Detected =
        Step(1, IncidentSteps.AnomalyDetected, Noon, new IncidentFindings("203.0.113.10/32", ["udp"], 400_000_000, 90_000));

    public static readonly RecordStep Grown =
        Step(2, IncidentSteps.AnomalyChanged, Noon.AddMinutes(1), new IncidentFindings("203.0.113.10/32", ["udp", "icmp"], 900_000_000, 200_000));

    public static readonly RecordStep Announced = Step(3, IncidentSteps.CountermeasureAnnounced, Noon.AddSeconds(2), new IncidentFindings(InForce: Id));

    public static readonly RecordStep Ended = Step(
        4, IncidentSteps.AnomalyEnded, Noon.AddMinutes(10), new IncidentFindings(PeakBitsPerSecond: 1_000_000_000, PeakPacketsPerSecond: 250_000));

    public static readonly RecordStep Defended =
        Step(5, IncidentSteps.MitigationEnded, Noon.AddMinutes(15), new IncidentFindings(MitigationResult: "defended"));

    public static readonly RecordStep Failed = Step(6, IncidentSteps.MitigationFailed, Noon.AddSeconds(3), IncidentFindings.None);

    public static readonly RecordStep Started = Step(7, IncidentSteps.MitigationStarted, Noon.AddSeconds(9), IncidentFindings.None);

    public static readonly RecordStep StartedByHand = Step(8, IncidentSteps.MitigationStarted, Noon.AddMinutes(2), new IncidentFindings(ByHand: Id));

    public static readonly RecordStep EndedByHand =
        Step(9, IncidentSteps.MitigationEnded, Noon.AddMinutes(30), new IncidentFindings(MitigationResult: "defended", ByHand: Id));

    public static RecordStep Step(int message, string step, DateTimeOffset happenedAt, IncidentFindings findings) => new(
        Guid.Parse($"0190dddd-0000-7000-8000-{message:D12}"),
        Id,
        ServiceCode,
        step,
        happenedAt,
        step.StartsWith("anomaly", StringComparison.Ordinal) ? "detection" : "mitigation",
        findings,
        new Dictionary<string, string>(),
        At: happenedAt.AddSeconds(1));

    /// <summary>What recording these steps, one after the other, leaves in the stream.</summary>
    public static IncidentEvent[] After(params RecordStep[] steps)
    {
        var happened = new List<IncidentEvent>();
        foreach (var step in steps)
        {
            var decision = IncidentDecider.Decide(IncidentState.Stream.Fold(happened), step);
            happened.AddRange(Assert.IsType<EventStore.Decision<IncidentEvent>.Accepted>(decision).Events);
        }

        return [.. happened];
    }

    public static IncidentOpened Opened(RecordStep first) => new(Id, ServiceCode, first.At);

    public static IncidentStepRecorded Recorded(RecordStep step, bool late = false) => new(
        step.StepId, step.ServiceCode, step.Step, step.HappenedAt, step.At, step.Actor, step.Findings, step.Details, late);

    public static IncidentReportPublished Report(string mitigationResult, DateTimeOffset at) => new(
        Id,
        ServiceCode,
        "203.0.113.10/32",
        PeakBitsPerSecond: 1_000_000_000,
        PeakPacketsPerSecond: 250_000,
        mitigationResult,
        DetectedAt: Noon,
        EndedAt: Noon.AddMinutes(10),
        PublishedAt: at);

    public static IncidentClosed Closed(DateTimeOffset at) => new(Id, ServiceCode, at);
}
