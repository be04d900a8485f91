using Google.Protobuf.WellKnownTypes;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.ProtectedObjects;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.Anomalies;

/// <summary>An explanation as gRPC says it.</summary>
internal static class ExplanationWire
{
    public static Wire.Explanation Describe(this Explanation explanation)
    {
        var described = new Wire.Explanation
        {
            Sentence = explanation.Sentence,
            SentenceJa = explanation.SentenceJa ?? "",
            Rule = explanation.Rule,
            Level = explanation.Level?.Name() ?? "",
            Vector = explanation.Vector,
            Unit = explanation.Unit.ToString().ToLowerInvariant(),
            Measured = explanation.Measured,
            Threshold = explanation.Threshold,
            Classification = explanation.Classification ?? "",
            Not = { explanation.Not },
            NotJa = { explanation.NotJa ?? [] },
            Sources = { Shares(explanation.Evidence.Sources) },
            SourcePorts = { Shares(explanation.Evidence.SourcePorts) },
            DestinationPorts = { Shares(explanation.Evidence.DestinationPorts) },
            PacketLengths = { Shares(explanation.Evidence.PacketLengths) },
            Protocols = { Shares(explanation.Evidence.Protocols) },
            Earlier =
            {
                (explanation.Earlier ?? []).Select(one => new Wire.EarlierAnomaly
                {
                    AnomalyId = one.AnomalyId.ToString(),
                    DetectedAt = Timestamp.FromDateTimeOffset(one.DetectedAt),
                    EndedAt = one.EndedAt is { } ended ? Timestamp.FromDateTimeOffset(ended) : null,
                    PeakBitsPerSecond = one.PeakBitsPerSecond,
                    PeakPacketsPerSecond = one.PeakPacketsPerSecond,
                }),
            },
        };
        if (explanation.Baseline is { } baseline)
        {
            described.Baseline = baseline;
        }

        if (explanation.Confidence is { } confidence)
        {
            described.Confidence = confidence;
        }

        return described;
    }

    private static IEnumerable<TrafficShare> Shares(IEnumerable<Share> shares) =>
        shares.Select(share => new TrafficShare { Value = share.Value, Share = share.Part });
}
