using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>What the rules need to remember about one target.</summary>
/// <remarks>
/// One stream per target, not per anomaly: that a target has at most one open anomaly is then a rule of the stream. It holds when two processes
/// judge the same target for a moment, and it is how a process that starts in the middle of an attack goes on with it. Whatever ended is forgotten with
/// its end, so that a host that was attacked a thousand times is judged as fast as one that never was; <see cref="KnownAnomaly"/> is what a person asks of
/// an earlier one.
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

    public static readonly StreamType<AnomalyState, AnomalyEvent> Stream = new("target", Quiet, Evolve) { SettledBy = typeof(AnomalyEnded) };

    /// <summary>When the open anomaly was recognised.</summary>
    public DateTimeOffset DetectedAt { get; init; }

    /// <summary>The highest that was reported.</summary>
    public Severity Severity { get; init; }

    /// <summary>Pulses that were reported.</summary>
    public int Pulses { get; init; } = 1;

    /// <summary>Prefixes that the open anomaly was reported to be spread over.</summary>
    public ImmutableHashSet<IPNetwork> Prefixes { get; init; } = [];

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
        },
        AnomalyEnded => Quiet,
        AnomalyMarkedFalse => current,
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the target stream."),
    };
}
