using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>What can have happened to one target: anomalies, one after the other.</summary>
internal abstract record AnomalyEvent;

/// <summary>Traffic of one second used up what a second may have: an anomaly is open.</summary>
/// <param name="Subject">Which anomaly, of what.</param>
/// <param name="Vectors">Vectors over their threshold, greatest excess first.</param>
/// <param name="BitsPerSecond">All traffic of that second, as far as it was known.</param>
/// <param name="PacketsPerSecond">All traffic of that second, as far as it was known.</param>
/// <param name="Since">Start of that second (UTC).</param>
/// <param name="DetectedAt">When it was recognised (UTC).</param>
/// <param name="Severity">From how far over.</param>
/// <param name="Explanation">Why; null in events of the first release.</param>
/// <param name="Prefixes">What it is spread over, greatest first; null: its target alone.</param>
internal sealed record AnomalyDetected(
    AnomalySubject Subject,
    IReadOnlyList<VectorMeasurement> Vectors,
    long BitsPerSecond,
    long PacketsPerSecond,
    DateTimeOffset Since,
    DateTimeOffset DetectedAt,
    Severity Severity = Severity.Low,
    Explanation? Explanation = null,
    IReadOnlyList<PrefixShare>? Prefixes = null) : AnomalyEvent;

/// <summary>The open anomaly gained a vector, doubled, became more severe or pulses, or it reached other prefixes.</summary>
/// <param name="Subject">Which anomaly, of what.</param>
/// <param name="Vectors">Vectors over their threshold in the second that changed it, greatest excess first.</param>
/// <param name="PeakBitsPerSecond">Greatest rate so far.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate so far.</param>
/// <param name="Revision">1 for the first change.</param>
/// <param name="ChangedAt">When it was recognised (UTC).</param>
/// <param name="Severity">The highest so far.</param>
/// <param name="Pulses">How often it rose again after a pause, the first rise included.</param>
/// <param name="Explanation">Why; null in events of the first release.</param>
/// <param name="Prefixes">All that it was spread over since it opened, greatest now first; null: nothing new is known of that.</param>
internal sealed record AnomalyChanged(
    AnomalySubject Subject,
    IReadOnlyList<VectorMeasurement> Vectors,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    int Revision,
    DateTimeOffset ChangedAt,
    Severity Severity = Severity.Low,
    int Pulses = 1,
    Explanation? Explanation = null,
    IReadOnlyList<PrefixShare>? Prefixes = null) : AnomalyEvent;

/// <summary>The anomaly is over.</summary>
/// <param name="Subject">Which anomaly, of what.</param>
/// <param name="PeakBitsPerSecond">Greatest rate of all.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate of all.</param>
/// <param name="Reason">Why it is over.</param>
/// <param name="Until">End of the last second near the threshold, exclusive (UTC).</param>
/// <param name="EndedAt">When the end was recognised (UTC).</param>
/// <param name="Severity">The highest of its life.</param>
/// <param name="Pulses">How often it rose again after a pause, the first rise included.</param>
/// <param name="Most">Of each vector that was over the most that was measured; null in events of the first releases.</param>
internal sealed record AnomalyEnded(
    AnomalySubject Subject,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    EndReason Reason,
    DateTimeOffset Until,
    DateTimeOffset EndedAt,
    Severity Severity = Severity.Low,
    int Pulses = 1,
    IReadOnlyList<VectorMeasurement>? Most = null) : AnomalyEvent;

/// <summary>An operator says that it was no attack.</summary>
/// <param name="AnomalyId">The anomaly, open or over.</param>
/// <param name="MarkedBy">Operator (UUID text).</param>
/// <param name="MarkedAt">When (UTC).</param>
/// <param name="Reason">Why, in their words.</param>
/// <param name="Subject">What the anomaly was about.</param>
/// <param name="Proposal">Thresholds under which it would not have been one.</param>
/// <param name="Most">Of an open one: of each vector the most that was measured until then; null: as its own events say.</param>
/// <param name="Role">Their role then; null in older events.</param>
internal sealed record AnomalyMarkedFalse(
    Guid AnomalyId,
    string MarkedBy,
    DateTimeOffset MarkedAt,
    [property: Sealed] string Reason,
    AnomalySubject Subject,
    IReadOnlyList<Threshold> Proposal,
    IReadOnlyList<VectorMeasurement>? Most = null,
    string? Role = null) : AnomalyEvent;

/// <param name="AnomalyId">Identity for its whole life (UUID version 7).</param>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract; kept here so that erasure finds the stream.</param>
/// <param name="Target">Attacked prefix: a host; or more, when no single host stands out.</param>
/// <param name="Level">What the target is; whose traffic was judged is said by each measurement.</param>
/// <param name="Direction">Towards the target or from it.</param>
internal sealed record AnomalySubject(
    Guid AnomalyId,
    Guid ObjectId,
    [property: SealScope] string ServiceCode,
    IPNetwork Target,
    WatchLevel Level = WatchLevel.Host,
    TrafficDirection Direction = TrafficDirection.In);

/// <summary>A prefix that is attacked, of several.</summary>
/// <param name="Prefix">A block, or a host that has nearly all of its block's.</param>
/// <param name="Part">Of the attack's packets, 0 to 1; 0: not any more.</param>
internal sealed record PrefixShare(IPNetwork Prefix, double Part)
{
    /// <summary>So many are named; the rest is small.</summary>
    public const int Most = 32;
}

/// <summary>What was measured of one vector, and what it was held against.</summary>
/// <remarks>Its level says whose traffic that was; null in events of the first release: the target's.</remarks>
internal sealed record VectorMeasurement(
    TrafficVector Vector,
    long BitsPerSecond,
    long PacketsPerSecond,
    long? ThresholdBitsPerSecond,
    long? ThresholdPacketsPerSecond,
    long? FlowsPerSecond = null,
    long? ThresholdFlowsPerSecond = null,
    long? BaselineBitsPerSecond = null,
    long? BaselinePacketsPerSecond = null,
    WatchLevel? Level = null)
{
    /// <summary>How many times the threshold it is; of several units the greatest.</summary>
    public double Excess() => Math.Max(Excess(TrafficUnit.Bits), Math.Max(Excess(TrafficUnit.Packets), Excess(TrafficUnit.Flows)));

    /// <summary>The unit in which it is furthest over.</summary>
    public TrafficUnit UnitOver() =>
        Excess(TrafficUnit.Flows) > Math.Max(Excess(TrafficUnit.Bits), Excess(TrafficUnit.Packets)) ? TrafficUnit.Flows
        : Excess(TrafficUnit.Packets) > Excess(TrafficUnit.Bits) ? TrafficUnit.Packets
        : TrafficUnit.Bits;

    /// <summary>What it was held against; null: nothing.</summary>
    public long? ThresholdOf(TrafficUnit unit) => unit switch
    {
        TrafficUnit.Bits => ThresholdBitsPerSecond,
        TrafficUnit.Packets => ThresholdPacketsPerSecond,
        _ => ThresholdFlowsPerSecond,
    };

    /// <summary>The most of both, held against the least.</summary>
    public VectorMeasurement With(VectorMeasurement more) => this with
    {
        BitsPerSecond = Math.Max(BitsPerSecond, more.BitsPerSecond),
        PacketsPerSecond = Math.Max(PacketsPerSecond, more.PacketsPerSecond),
        FlowsPerSecond = Most(FlowsPerSecond, more.FlowsPerSecond),
        ThresholdBitsPerSecond = Least(ThresholdBitsPerSecond, more.ThresholdBitsPerSecond),
        ThresholdPacketsPerSecond = Least(ThresholdPacketsPerSecond, more.ThresholdPacketsPerSecond),
        ThresholdFlowsPerSecond = Least(ThresholdFlowsPerSecond, more.ThresholdFlowsPerSecond),
    };

    private double Excess(TrafficUnit unit) => (unit switch
    {
        TrafficUnit.Bits => BitsPerSecond,
        TrafficUnit.Packets => PacketsPerSecond,
        _ => FlowsPerSecond ?? 0,
    }) / (double)(ThresholdOf(unit) ?? long.MaxValue);

    private static long? Most(long? one, long? other) => one is { } left && other is { } right ? Math.Max(left, right) : one ?? other;

    private static long? Least(long? one, long? other) => one is { } left && other is { } right ? Math.Min(left, right) : one ?? other;
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum EndReason
{
    /// <summary>Traffic stayed low long enough.</summary>
    Subsided = 1,

    /// <summary>The object is no longer watched: its contract ended. In events of earlier releases also: it was removed.</summary>
    ContractEnded = 2,

    /// <summary>Nobody knows: telemetry was missing for long.</summary>
    TelemetryMissing = 3,

    /// <summary>The object is no longer watched: somebody removed it. Its contract goes on, and another object has its addresses.</summary>
    ObjectRemoved = 4,
}
