using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Platform.EventStore;

/// <summary>Every instrument of the store. Meter <c>Platform.EventStore</c>.</summary>
internal static class Telemetry
{
    private static readonly Meter _meter = new("Platform.EventStore");
    private static readonly ConcurrentDictionary<FeedLag, bool> _readers = [];
    private static readonly ConcurrentDictionary<string, bool> _stopped = [];

    static Telemetry()
    {
        _meter.CreateObservableGauge(
            "platform.eventstore.feed.lag.events",
            () => _readers.Keys.Select(reader => new Measurement<long>(reader.Events, Tag("reader", reader.Name))),
            "{event}",
            "Stored events that a reader has not passed.");
        _meter.CreateObservableGauge(
            "platform.eventstore.feed.lag.seconds",
            () => _readers.Keys.Select(reader => new Measurement<double>(reader.Seconds, Tag("reader", reader.Name))),
            "s",
            "Age of the oldest stored event that a reader has not passed.");
        _meter.CreateObservableGauge(
            "platform.eventstore.projection.stopped",
            () => _stopped.Keys.Select(projection => new Measurement<int>(1, Tag("projection", projection))),
            "{projection}",
            "Projections that met an event they cannot apply, and wait for a repair.");
    }

    public static Counter<long> Appends { get; } =
        _meter.CreateCounter<long>("platform.eventstore.appends", "{append}", "Appends by outcome.");

    public static FeedLag LagOf(string reader)
    {
        var lag = new FeedLag(reader, gone => _readers.TryRemove(gone, out _));
        _readers[lag] = true;
        return lag;
    }

    public static void Stopped(string projection) => _stopped[projection] = true;

    public static void Runs(string projection) => _stopped.TryRemove(projection, out _);

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

/// <summary>How far one reader is behind, as of its last look.</summary>
internal sealed class FeedLag(string name, Action<FeedLag> gone) : IDisposable
{
    public string Name => name;

    public long Events { get; private set; }

    public double Seconds { get; private set; }

    public void Seen(long position, List<EventRow> waiting, long? head, DateTimeOffset now)
    {
        Events = waiting.Count == 0 ? 0 : (head ?? waiting[^1].Sequence) - position;
        Seconds = waiting.Count == 0 ? 0 : Math.Max(0, (now - waiting[0].At).TotalSeconds);
    }

    public void Dispose() => gone(this);
}
