using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>What the rules need to remember about one target.</summary>
/// <remarks>
/// One stream per target, not per anomaly: that a target has at most one open anomaly is then a rule of the stream. It holds when two processes
/// judge the same target for a moment, and it is how a process that starts in the middle of an attack goes on with it.
/// </remarks>
/// <param name="Open">The open anomaly; null when there is none.</param>
/// <param name="Vectors">Vectors that the open anomaly has been reported with.</param>
/// <param name="PeakBitsPerSecond">Greatest rate that was reported.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate that was reported.</param>
/// <param name="Revision">Changes of the open anomaly.</param>
internal sealed record AnomalyState(
    AnomalySubject? Open,
    ImmutableHashSet<TrafficVector> Vectors,
    long PeakBitsPerSecond,
    long PeakPacketsPerSecond,
    int Revision)
{
    public static readonly AnomalyState Quiet = new(null, [], 0, 0, 0);

    public static readonly StreamType<AnomalyState, AnomalyEvent> Stream = new("target", Quiet, Evolve);

    /// <summary>When the open anomaly was recognised.</summary>
    public DateTimeOffset DetectedAt { get; init; }

    /// <summary>The highest that was reported.</summary>
    public Severity Severity { get; init; }

    /// <summary>Pulses that were reported.</summary>
    public int Pulses { get; init; } = 1;

    /// <summary>Prefixes that the open anomaly was reported to be spread over.</summary>
    public ImmutableHashSet<IPNetwork> Prefixes { get; init; } = [];

    /// <summary>What every anomaly of this target, the open one included, was about, with the most that was measured of each vector.</summary>
    public ImmutableDictionary<Guid, KnownAnomaly> Known { get; init; } = ImmutableDictionary<Guid, KnownAnomaly>.Empty;

    /// <summary>Anomalies that an operator called no attack, with the thresholds that were proposed and shown then: what goes on afterwards adds nothing to them.</summary>
    public ImmutableDictionary<Guid, IReadOnlyList<Threshold>> MarkedFalse { get; init; } = ImmutableDictionary<Guid, IReadOnlyList<Threshold>>.Empty;

    /// <summary>
    /// Key of a target's stream. Addresses in hexadecimal: a key holds no colon. The object has one of its own: what names it may be the target of another
    /// anomaly, and changes from one anomaly to the next.
    /// </summary>
    public static string KeyOf(
        Guid objectId, IPNetwork target, TrafficDirection direction = TrafficDirection.In, WatchLevel level = WatchLevel.Host) =>
        (level is WatchLevel.Object ? $"{objectId}.object" : $"{objectId}.{Convert.ToHexString(target.BaseAddress.GetAddressBytes())}.{target.PrefixLength}")
        + (direction is TrafficDirection.Out ? ".out" : "");

    public static AnomalyState Evolve(AnomalyState current, AnomalyEvent happened) => happened switch
    {
        AnomalyDetected e => current with
        {
            Open = e.Subject,
            Vectors = [.. e.Vectors.Select(vector => vector.Vector)],
            PeakBitsPerSecond = e.BitsPerSecond,
            PeakPacketsPerSecond = e.PacketsPerSecond,
            Revision = 0,
            DetectedAt = e.DetectedAt,
            Severity = e.Severity,
            Pulses = 1,
            Prefixes = [.. (e.Prefixes ?? []).Select(prefix => prefix.Prefix)],
            Known = current.Known.SetItem(e.Subject.AnomalyId, new KnownAnomaly(e.Subject, e.Vectors)),
        },
        AnomalyChanged e => current with
        {
            Vectors = current.Vectors.Union(e.Vectors.Select(vector => vector.Vector)),
            PeakBitsPerSecond = e.PeakBitsPerSecond,
            PeakPacketsPerSecond = e.PeakPacketsPerSecond,
            Revision = e.Revision,
            Severity = e.Severity,
            Pulses = e.Pulses,
            Prefixes = current.Prefixes.Union((e.Prefixes ?? []).Select(prefix => prefix.Prefix)),
            Known = current.Known.SetItem(
                e.Subject.AnomalyId, (current.Known.GetValueOrDefault(e.Subject.AnomalyId) ?? new KnownAnomaly(e.Subject, [])).With(e.Vectors)),
        },
        AnomalyEnded e => Quiet with { Known = current.KnownWith(e.Subject.AnomalyId, e.Most), MarkedFalse = current.MarkedFalse },
        AnomalyMarkedFalse e => current with { MarkedFalse = current.MarkedFalse.SetItem(e.AnomalyId, e.Proposal), Known = current.KnownWith(e.AnomalyId, e.Most) },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the target stream."),
    };

    private ImmutableDictionary<Guid, KnownAnomaly> KnownWith(Guid anomalyId, IReadOnlyList<VectorMeasurement>? most) =>
        most is { Count: > 0 } && Known.TryGetValue(anomalyId, out var known) ? Known.SetItem(anomalyId, known.With(most)) : Known;
}

/// <summary>An anomaly that was, as a later judgement about it needs it.</summary>
/// <param name="Subject">What it was about.</param>
/// <param name="Over">Of each vector that was over the most that was measured, and the least that it was held against.</param>
internal sealed record KnownAnomaly(AnomalySubject Subject, IReadOnlyList<VectorMeasurement> Over)
{
    private const double Room = 1.25;

    public KnownAnomaly With(IReadOnlyList<VectorMeasurement> over) => this with
    {
        Over = [.. Over.Concat(over).GroupBy(vector => (vector.Vector, Level: vector.Level ?? Subject.Level)).Select(same => same.Aggregate((one, other) => one.With(other)))],
    };

    /// <summary>Thresholds under which none of it would have been over, with some room.</summary>
    public IReadOnlyList<Threshold> Proposal() =>
    [
        .. Over.Select(vector => new Threshold(
            vector.Vector,
            Above(vector.BitsPerSecond, vector.ThresholdBitsPerSecond),
            Above(vector.PacketsPerSecond, vector.ThresholdPacketsPerSecond),
            Above(vector.FlowsPerSecond ?? 0, vector.ThresholdFlowsPerSecond),
            vector.Level ?? Subject.Level,
            Subject.Direction)),
    ];

    private static long? Above(long measured, long? threshold) => threshold is { } over && measured > over ? (long)(measured * Room) : null;
}
