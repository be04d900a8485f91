using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Platform.EventStore;

/// <summary>Every instrument of the store. Meter <c>Platform.EventStore</c>.</summary>
internal static class Telemetry
{
    private static readonly Meter _meter = new("Platform.EventStore");
    private static readonly Counter<long> _appends =
        _meter.CreateCounter<long>("platform.eventstore.appends", "{append}", "Appends by outcome.");

    private static readonly KeyValuePair<string, object?>[] _outcomes =
        [.. Enum.GetNames<AppendOutcome>().Select(name => new KeyValuePair<string, object?>("outcome", name))];

    private static readonly ConcurrentDictionary<string, FeedLag> _lags = [];
    private static readonly ConcurrentDictionary<string, bool> _stopped = [];

    static Telemetry()
    {
        _meter.CreateObservableGauge(
            "platform.eventstore.feed.lag.events",
            () => _lags.Values.Select(lag => new Measurement<long>(lag.Events, Tag("reader", lag.Reader))),
            "{event}",
            "Stored events that a reader has not passed.");
        _meter.CreateObservableGauge(
            "platform.eventstore.feed.lag.seconds",
            () => _lags.Values.Select(lag => new Measurement<double>(lag.Age.TotalSeconds, Tag("reader", lag.Reader))),
            "s",
            "Age of the oldest stored event that a reader has not passed.");
        _meter.CreateObservableGauge(
            "platform.eventstore.projection.stopped",
            () => _stopped.Keys.Select(projection => new Measurement<int>(1, Tag("projection", projection))),
            "{projection}",
            "Projections that met an event they cannot apply, and wait for a repair.");
    }

    public static void Appended(AppendOutcome outcome) => _appends.Add(1, _outcomes[(int)outcome]);

    public static void Behind(FeedLag lag) => _lags[lag.Reader] = lag;

    public static void Stopped(string projection) => _stopped[projection] = true;

    public static void Runs(string projection) => _stopped.TryRemove(projection, out _);

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
