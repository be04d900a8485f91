using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>What neighbours may know of a service's events. An event without an answer here stays inside the service.</summary>
public interface IPublications
{
    /// <summary>The fact that this event is to the outside, or null.</summary>
    object? Publish(RecordedEvent recorded);
}
