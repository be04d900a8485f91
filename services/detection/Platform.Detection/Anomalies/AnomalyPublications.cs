using System.Diagnostics;
using Platform.Contracts.Detection.V1;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Detection.V1;

namespace Platform.Detection.Anomalies;

/// <summary>What neighbours may know of anomalies.</summary>
internal sealed class AnomalyPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        AnomalyDetected e => new Published.AnomalyDetected
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Subject.ServiceCode,
            ObjectId = e.Subject.ObjectId,
            AnomalyId = e.Subject.AnomalyId,
            Target = e.Subject.Target.ToString(),
            Vectors = Rates(e.Vectors),
            BitsPerSecond = e.BitsPerSecond,
            PacketsPerSecond = e.PacketsPerSecond,
            Since = e.Since,
            DetectedAt = e.DetectedAt,
        },
        AnomalyChanged e => new Published.AnomalyChanged
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Subject.ServiceCode,
            ObjectId = e.Subject.ObjectId,
            AnomalyId = e.Subject.AnomalyId,
            Target = e.Subject.Target.ToString(),
            Vectors = Rates(e.Vectors),
            PeakBitsPerSecond = e.PeakBitsPerSecond,
            PeakPacketsPerSecond = e.PeakPacketsPerSecond,
            Revision = e.Revision,
            ChangedAt = e.ChangedAt,
        },
        AnomalyEnded e => new Published.AnomalyEnded
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Subject.ServiceCode,
            ObjectId = e.Subject.ObjectId,
            AnomalyId = e.Subject.AnomalyId,
            Target = e.Subject.Target.ToString(),
            PeakBitsPerSecond = e.PeakBitsPerSecond,
            PeakPacketsPerSecond = e.PeakPacketsPerSecond,
            Reason = e.Reason switch
            {
                EndReason.Subsided => "subsided",
                EndReason.ContractEnded => "contract-ended",
                _ => throw new UnreachableException($"{e.Reason} has no public name."),
            },
            Until = e.Until,
            EndedAt = e.EndedAt,
        },
        _ => null,
    };

    private static IReadOnlyList<VectorRate> Rates(IEnumerable<VectorMeasurement> vectors) =>
    [
        .. vectors.Select(vector => new VectorRate
        {
            Vector = vector.Vector.Name(),
            BitsPerSecond = vector.BitsPerSecond,
            PacketsPerSecond = vector.PacketsPerSecond,
            ThresholdBitsPerSecond = vector.ThresholdBitsPerSecond,
            ThresholdPacketsPerSecond = vector.ThresholdPacketsPerSecond,
        }),
    ];
}
