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
            Severity = e.Severity.Name(),
            Level = e.Subject.Level.Name(),
            Direction = e.Subject.Direction.Name(),
            Explanation = Explain(e.Explanation),
            Prefixes = Shares(e.Prefixes),
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
            Severity = e.Severity.Name(),
            Level = e.Subject.Level.Name(),
            Direction = e.Subject.Direction.Name(),
            Pulses = e.Pulses,
            Explanation = Explain(e.Explanation),
            Prefixes = Shares(e.Prefixes),
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
                EndReason.TelemetryMissing => "telemetry-missing",
                EndReason.ObjectRemoved => "object-removed",
                _ => throw new UnreachableException($"{e.Reason} has no public name."),
            },
            Until = e.Until,
            EndedAt = e.EndedAt,
            Severity = e.Severity.Name(),
            Level = e.Subject.Level.Name(),
            Direction = e.Subject.Direction.Name(),
            Pulses = e.Pulses,
        },
        // Why is the operator's own words, and sealed: it stays here.
        AnomalyMarkedFalse e => new Published.AnomalyMarkedFalse
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.Subject.ServiceCode,
            ObjectId = e.Subject.ObjectId,
            AnomalyId = e.AnomalyId,
            MarkedBy = e.MarkedBy,
            Role = e.Role,
            MarkedAt = e.MarkedAt,
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
            FlowsPerSecond = vector.FlowsPerSecond,
            ThresholdFlowsPerSecond = vector.ThresholdFlowsPerSecond,
            BaselineBitsPerSecond = vector.BaselineBitsPerSecond,
            BaselinePacketsPerSecond = vector.BaselinePacketsPerSecond,
        }),
    ];

    private static AnomalyExplanation? Explain(Explanation? explanation) => explanation is null
        ? null
        : new AnomalyExplanation
        {
            Sentence = explanation.Sentence,
            Rule = explanation.Rule,
            Vector = explanation.Vector,
            Unit = explanation.Unit.ToString().ToLowerInvariant(),
            Measured = explanation.Measured,
            Threshold = explanation.Threshold,
            Baseline = explanation.Baseline,
            Classification = explanation.Classification,
            Confidence = explanation.Confidence,
            Not = explanation.Not,
            Sources = Shares(explanation.Evidence.Sources),
            SourcePorts = Shares(explanation.Evidence.SourcePorts),
            DestinationPorts = Shares(explanation.Evidence.DestinationPorts),
            PacketLengths = Shares(explanation.Evidence.PacketLengths),
            Protocols = Shares(explanation.Evidence.Protocols),
            Level = explanation.Level?.Name(),
            SentenceJa = explanation.SentenceJa,
            NotJa = explanation.NotJa ?? [],
        };

    private static IReadOnlyList<TrafficShare>? Shares(IReadOnlyList<PrefixShare>? prefixes) =>
        prefixes is null ? null : [.. prefixes.Select(prefix => new TrafficShare { Value = prefix.Prefix.ToString(), Share = prefix.Part })];

    private static IReadOnlyList<TrafficShare> Shares(IEnumerable<Share> shares) =>
        [.. shares.Select(share => new TrafficShare { Value = share.Value, Share = share.Part })];
}
