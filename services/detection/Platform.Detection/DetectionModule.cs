using Platform.Detection.Anomalies;
using Platform.Detection.Erasures;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection;

internal static class DetectionModule
{
    /// <summary>Every event that this service stores.</summary>
    public static EventCatalog Events { get; } =
        EventCatalog.Of(typeof(ProtectedObjectEvent), typeof(AnomalyEvent), typeof(ErasureEvent));
}
