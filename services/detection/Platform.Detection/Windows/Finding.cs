using System.Diagnostics;
using System.Net;
using Platform.Detection.Anomalies;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>Where a finding comes from, for trace and latency.</summary>
/// <param name="Trace">Trace of the batch.</param>
/// <param name="FirstArrival">When the oldest datagram of the batch arrived; null when silence is the reason.</param>
internal readonly record struct Origin(ActivityContext Trace, DateTimeOffset? FirstArrival);

/// <summary>Something that should be recorded about a target.</summary>
/// <param name="Target">The target's network.</param>
/// <param name="Decide">The rules, to be asked again with what the stream says.</param>
/// <param name="EndOf">When it is an end: the anomaly, and the last beat that this process saw.</param>
/// <param name="Id">Makes a repeated append the same append.</param>
/// <param name="Second">What is asked of the rules, so that what came before can be told with it; null: it is an end.</param>
internal sealed record Finding(
    WindowJudge Judge,
    ObjectWatch On,
    TargetWatch Watch,
    IPNetwork Target,
    Func<AnomalyState, Decision<AnomalyEvent>> Decide,
    (Guid AnomalyId, long Beat)? EndOf,
    Origin Origin,
    Guid Id,
    JudgeSecond? Second = null)
{
    public WatchedObject Object => On.Object;

    /// <summary>Key of the target's stream.</summary>
    public string Key => AnomalyState.KeyOf(Object.ObjectId, Target, On.Direction, Watch.Level);
}

/// <summary>Sign of life of an open anomaly.</summary>
/// <param name="QuietFor">How long its judge waits for the next pulse.</param>
/// <param name="Memory">What its judge remembers, for the next one.</param>
internal sealed record Pulse(
    Guid TenantId, Guid AnomalyId, long Beat, DateTimeOffset Until, long PeakBitsPerSecond, long PeakPacketsPerSecond, TimeSpan QuietFor, EpisodeMemory Memory);
