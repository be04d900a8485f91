namespace Platform.Reporting.Incidents;

/// <summary>
/// What can happen to the record of one anomaly. Stream <c>incident:{anomaly id}</c>. Data class <c>incident</c>.
/// </summary>
internal abstract record IncidentEvent;

/// <summary>The first fact about an anomaly was heard, whichever of them came first.</summary>
internal sealed record IncidentOpened(Guid IncidentId, string ServiceCode, DateTimeOffset OpenedAt) : IncidentEvent;

/// <summary>One fact about the incident, told by the service that knows.</summary>
/// <param name="StepId">Id of the message that told it: the same message is the same step.</param>
/// <param name="ServiceCode">Service code of the contract.</param>
/// <param name="Step">One of <see cref="IncidentSteps"/>.</param>
/// <param name="HappenedAt">When it happened, by the one who told it; orders the timeline (UTC).</param>
/// <param name="HeardAt">When it was heard here (UTC).</param>
/// <param name="Actor"><c>detection</c>, <c>mitigation</c> or an operator id.</param>
/// <param name="Findings">What the rules and the head of the report need of it.</param>
/// <param name="Details">What a person reads in the timeline, by name, units in the names.</param>
/// <param name="Late">It was heard after the report: it stands in the timeline, the report stays as published.</param>
internal sealed record IncidentStepRecorded(
    Guid StepId,
    string ServiceCode,
    string Step,
    DateTimeOffset HappenedAt,
    DateTimeOffset HeardAt,
    string Actor,
    IncidentFindings Findings,
    IReadOnlyDictionary<string, string> Details,
    bool Late) : IncidentEvent;

/// <summary>The report of the finished incident, whole: it is never computed again.</summary>
/// <param name="IncidentId">Equal to the anomaly's.</param>
/// <param name="ServiceCode">Service code of the contract.</param>
/// <param name="Target">Attacked prefix, CIDR notation.</param>
/// <param name="PeakBitsPerSecond">Greatest rate of the whole anomaly, as detection says.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate of the whole anomaly, as detection says.</param>
/// <param name="MitigationResult"><c>defended</c>, <c>not-helped</c>, <c>not-defended</c> as mitigation says, or <c>none</c>.</param>
/// <param name="DetectedAt">When the anomaly was recognised (UTC).</param>
/// <param name="EndedAt">When its end was recognised (UTC).</param>
/// <param name="PublishedAt">When the report was published (UTC).</param>
internal sealed record IncidentReportPublished(
    Guid IncidentId,
    string ServiceCode,
    string Target,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    string MitigationResult,
    DateTimeOffset DetectedAt,
    DateTimeOffset EndedAt,
    DateTimeOffset PublishedAt) : IncidentEvent;

/// <summary>Attack and defence are over and the report is out.</summary>
internal sealed record IncidentClosed(Guid IncidentId, string ServiceCode, DateTimeOffset ClosedAt) : IncidentEvent;

/// <summary>What a step adds to the head of the incident; null where it says nothing.</summary>
/// <param name="Target">Attacked prefix, CIDR notation.</param>
/// <param name="Vectors">Vectors over their threshold.</param>
/// <param name="PeakBitsPerSecond">Greatest rate that the step knows of.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate that the step knows of.</param>
/// <param name="MitigationResult">How the defence ended.</param>
/// <param name="ByHand">The defence that a person began, which the step is about; null: that of the rules, and in older events.</param>
/// <param name="InForce">Countermeasure that is in force from this step on; null for what only lets through, and in older events.</param>
/// <param name="Gone">Countermeasure that is in force no more; null in older events.</param>
/// <param name="Prefixes">All that the attack is spread over as this step knows it; null: the target alone, nothing new is known of it, and in older events.</param>
internal sealed record IncidentFindings(
    string? Target = null,
    IReadOnlyList<string>? Vectors = null,
    long? PeakBitsPerSecond = null,
    long? PeakPacketsPerSecond = null,
    string? MitigationResult = null,
    Guid? ByHand = null,
    Guid? InForce = null,
    Guid? Gone = null,
    IReadOnlyList<PrefixFinding>? Prefixes = null)
{
    public static readonly IncidentFindings None = new();
}

/// <summary>One of the prefixes that an attack is spread over.</summary>
/// <param name="Prefix">CIDR notation.</param>
/// <param name="Share">Its part of the attack's packets, 0 to 1; 0: not any more.</param>
internal sealed record PrefixFinding(string Prefix, double Share);

/// <summary>The steps of a timeline, as they stand in contracts and pages.</summary>
internal static class IncidentSteps
{
    public const string AnomalyDetected = "anomaly-detected";
    public const string AnomalyChanged = "anomaly-changed";
    public const string AnomalyEnded = "anomaly-ended";
    public const string AnomalyMarkedFalse = "anomaly-marked-false";
    public const string MitigationStarted = "mitigation-started";
    public const string CountermeasureProposed = "countermeasure-proposed";
    public const string CountermeasureAnnounced = "countermeasure-announced";
    public const string CountermeasureMeasured = "countermeasure-measured";
    public const string CountermeasureWithdrawn = "countermeasure-withdrawn";
    public const string MitigationEnded = "mitigation-ended";
    public const string MitigationFailed = "mitigation-failed";
    public const string StepRefused = "step-refused";
    public const string ReportPublished = "report-published";

    /// <summary>Which comes first when two happened at the same instant, as what one decision decided does.</summary>
    public static readonly IReadOnlyList<string> InOrder =
    [
        AnomalyDetected, AnomalyChanged, MitigationStarted, CountermeasureProposed, CountermeasureAnnounced, AnomalyEnded,
        CountermeasureWithdrawn, MitigationEnded, MitigationFailed, StepRefused, AnomalyMarkedFalse, ReportPublished,
    ];
}

/// <summary>How a defence stands, as it stands in contracts and pages.</summary>
internal static class MitigationResults
{
    public const string None = "none";
    public const string Active = "active";
    public const string Defended = "defended";
    public const string NotHelped = "not-helped";
    public const string NotDefended = "not-defended";

    /// <summary>Of several defences the best one: what is not known here is a word of a later release.</summary>
    public static string Best(IEnumerable<string> results) => results.MinBy(result => InOrder.IndexOf(result))!;

    private static readonly List<string> InOrder = [Defended, NotHelped, NotDefended];
}
