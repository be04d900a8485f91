using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: an anomaly is over, so its incident has an end and the peak of the whole.</summary>
internal sealed class WhenAnomalyEnded(IncidentRecorder incidents) : IConsumer<AnomalyEnded>
{
    public Task Consume(ConsumeContext<AnomalyEnded> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.AnomalyEnded,
            fact.EndedAt,
            new IncidentFindings(
                fact.Target,
                PeakBitsPerSecond: fact.PeakBitsPerSecond,
                PeakPacketsPerSecond: fact.PeakPacketsPerSecond),
            new()
            {
                ["reason"] = fact.Reason,
                ["peak_bits_per_second"] = Invariant($"{fact.PeakBitsPerSecond}"),
                ["peak_packets_per_second"] = Invariant($"{fact.PeakPacketsPerSecond}"),
                ["until"] = Invariant($"{fact.Until:O}"),
            });
    }
}
