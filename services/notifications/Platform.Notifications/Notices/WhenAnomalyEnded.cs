using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: an anomaly is over, so the customer is told how great it was.</summary>
internal sealed class WhenAnomalyEnded(NoticePublisher notices) : IConsumer<AnomalyEnded>
{
    public Task Consume(ConsumeContext<AnomalyEnded> context)
    {
        var fact = context.Message;
        return notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.AnomalyEnded, new()
        {
            ["incident_id"] = $"{fact.AnomalyId:D}",
            ["target"] = fact.Target,
            ["peak_bits_per_second"] = Invariant($"{fact.PeakBitsPerSecond}"),
            ["peak_packets_per_second"] = Invariant($"{fact.PeakPacketsPerSecond}"),
            ["ended_at"] = Invariant($"{fact.EndedAt:O}"),
        });
    }
}
