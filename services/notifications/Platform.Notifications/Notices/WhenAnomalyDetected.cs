using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: an anomaly was detected, so the customer is told what is under attack.</summary>
internal sealed class WhenAnomalyDetected(NoticePublisher notices) : IConsumer<AnomalyDetected>
{
    public Task Consume(ConsumeContext<AnomalyDetected> context)
    {
        var fact = context.Message;
        return notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.AnomalyDetected, new()
        {
            ["incident_id"] = $"{fact.AnomalyId:D}",
            ["target"] = fact.Target,
            ["vectors"] = string.Join(", ", fact.Vectors.Select(vector => vector.Vector)),
            ["bits_per_second"] = Invariant($"{fact.BitsPerSecond}"),
            ["packets_per_second"] = Invariant($"{fact.PacketsPerSecond}"),
            ["detected_at"] = Invariant($"{fact.DetectedAt:O}"),
        });
    }
}
