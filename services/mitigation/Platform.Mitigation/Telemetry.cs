using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    public static readonly ActivitySource Source = new("Platform.Mitigation");

    private static readonly Meter Meter = new("Platform.Mitigation");

    private static readonly Counter<long> Started = Meter.CreateCounter<long>(
        "platform.mitigation.started", "{mitigation}", "Mitigations that began.");

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "platform.mitigation.refused", "{mitigation}", "Mitigations that a safety rail refused, by code.");

    private static readonly Counter<long> RoutesChanged = Meter.CreateCounter<long>(
        "platform.mitigation.routes", "{route}", "Routes added at or withdrawn from a speaker, by speaker and change.");

    private static readonly Counter<long> Away = Meter.CreateCounter<long>(
        "platform.mitigation.speaker.away", "{attempt}", "Attempts that a speaker did not answer, by speaker.");

    private static readonly Counter<long> Drift = Meter.CreateCounter<long>(
        "platform.mitigation.drift", "{route}", "Routes that a speaker had lost or that nobody wanted, by speaker.");

    private static readonly Counter<long> RefusedRoutes = Meter.CreateCounter<long>(
        "platform.mitigation.routes.refused", "{attempt}", "Attempts at routes that a speaker refused, by speaker.");

    private static readonly Counter<long> Escalations = Meter.CreateCounter<long>(
        "platform.mitigation.escalations", "{step}", "Steps that followed because one did not help.");

    private static readonly Counter<long> PoolLimits = Meter.CreateCounter<long>(
        "platform.mitigation.pool.limits", "{crossing}", "Limits of scrubbing pools that were crossed, upwards or downwards, by pool.");

    /// <summary>As the replica sees them that works on the speakers.</summary>
    private static readonly ConcurrentDictionary<string, IReadOnlyList<SpeakerSession>> Seen = new();

    private static readonly ObservableGauge<int> Established = Meter.CreateObservableGauge(
        "platform.mitigation.speaker.sessions",
        () => from speaker in Seen
              from session in speaker.Value
              select new Measurement<int>(session.IsEstablished ? 1 : 0, new("speaker", speaker.Key), new KeyValuePair<string, object?>("neighbour", session.Neighbour)),
        "{session}",
        "BGP sessions of a speaker: 1 up, 0 down, by speaker and neighbour.");

    public static void Sessions(string speaker, IReadOnlyList<SpeakerSession> sessions) => Seen[speaker] = sessions;

    public static void ForgetSessions() => Seen.Clear();

    public static void PoolLimitCrossed(string pool) => PoolLimits.Add(1, new KeyValuePair<string, object?>("pool", pool));

    public static void Escalated() => Escalations.Add(1);

    public static void Decided(Decision<MitigationEvent> decision)
    {
        if (decision is not Decision<MitigationEvent>.Accepted(var events))
        {
            return;
        }

        foreach (var happened in events)
        {
            switch (happened)
            {
                case MitigationStarted:
                    Started.Add(1);
                    break;
                case MitigationFailed failed:
                    Refused.Add(1, new KeyValuePair<string, object?>("code", failed.Code));
                    break;
            }
        }
    }

    public static void Applied(string speaker, int added, int withdrawn)
    {
        RoutesChanged.Add(added, new("speaker", speaker), new KeyValuePair<string, object?>("change", "added"));
        RoutesChanged.Add(withdrawn, new("speaker", speaker), new KeyValuePair<string, object?>("change", "withdrawn"));
    }

    public static void Drifted(string speaker, int routes) => Drift.Add(routes, new KeyValuePair<string, object?>("speaker", speaker));

    public static void RouteRefused(string speaker) => RefusedRoutes.Add(1, new KeyValuePair<string, object?>("speaker", speaker));

    public static void SpeakerAway(string speaker) => Away.Add(1, new KeyValuePair<string, object?>("speaker", speaker));
}
