using System.Net;
using Platform.Detection.ProtectedObjects;

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
internal sealed record AnomalyDetected(
    AnomalySubject Subject,
    IReadOnlyList<VectorMeasurement> Vectors,
    long BitsPerSecond,
    long PacketsPerSecond,
    DateTimeOffset Since,
    DateTimeOffset DetectedAt) : AnomalyEvent;

/// <summary>The open anomaly gained a vector or doubled.</summary>
/// <param name="Subject">Which anomaly, of what.</param>
/// <param name="Vectors">Vectors over their threshold in the second that changed it, greatest excess first.</param>
/// <param name="PeakBitsPerSecond">Greatest rate so far.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate so far.</param>
/// <param name="Revision">1 for the first change.</param>
/// <param name="ChangedAt">When it was recognised (UTC).</param>
internal sealed record AnomalyChanged(
    AnomalySubject Subject,
    IReadOnlyList<VectorMeasurement> Vectors,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    int Revision,
    DateTimeOffset ChangedAt) : AnomalyEvent;

/// <summary>The anomaly is over.</summary>
/// <param name="Subject">Which anomaly, of what.</param>
/// <param name="PeakBitsPerSecond">Greatest rate of all.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate of all.</param>
/// <param name="Reason">Why it is over.</param>
/// <param name="Until">End of the last second near the threshold, exclusive (UTC).</param>
/// <param name="EndedAt">When the end was recognised (UTC).</param>
internal sealed record AnomalyEnded(
    AnomalySubject Subject,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    EndReason Reason,
    DateTimeOffset Until,
    DateTimeOffset EndedAt) : AnomalyEvent;

/// <param name="AnomalyId">Identity for its whole life (UUID version 7).</param>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract; kept here so that erasure finds the stream.</param>
/// <param name="Target">Attacked prefix: a host.</param>
internal sealed record AnomalySubject(Guid AnomalyId, Guid ObjectId, string ServiceCode, IPNetwork Target);

/// <summary>What was measured of one vector, and what it was held against.</summary>
internal sealed record VectorMeasurement(
    TrafficVector Vector,
    long BitsPerSecond,
    long PacketsPerSecond,
    long? ThresholdBitsPerSecond,
    long? ThresholdPacketsPerSecond);

/// <summary>Stored as numbers: never renumber.</summary>
internal enum EndReason
{
    /// <summary>Traffic stayed low long enough.</summary>
    Subsided = 1,

    /// <summary>The object is no longer watched.</summary>
    ContractEnded = 2,
}
