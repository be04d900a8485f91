using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>Every expected "no" about anomalies.</summary>
internal static class AnomalyRejections
{
    public static Rejection Unknown(Guid anomalyId) => new(
        RejectionKind.NotFound,
        "anomaly-not-found",
        "There is no such anomaly.",
        $"No anomaly {anomalyId} of this tenant.");

    public static Rejection NotMarkedFalse(Guid anomalyId) => new(
        RejectionKind.NotFound,
        "proposal-not-found",
        "The anomaly proposes nothing.",
        $"No anomaly {anomalyId} of this tenant was marked false.");
}
