using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: an anomaly grew, so its incident shows by how much.</summary>
internal sealed class WhenAnomalyChanged(IncidentRecorder incidents) : IConsumer<AnomalyChanged>
{
    public Task Consume(ConsumeContext<AnomalyChanged> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.AnomalyChanged,
            fact.ChangedAt,
            new IncidentFindings(
                fact.Target,
                [.. fact.Vectors.Select(vector => vector.Vector)],
                fact.PeakBitsPerSecond,
                fact.PeakPacketsPerSecond,
                Prefixes: fact.Prefixes.AsFound()),
            new Dictionary<string, string>
            {
                ["vectors"] = string.Join(", ", fact.Vectors.Select(vector => vector.Vector)),
                ["peak_bits_per_second"] = Invariant($"{fact.PeakBitsPerSecond}"),
                ["peak_packets_per_second"] = Invariant($"{fact.PeakPacketsPerSecond}"),
                ["revision"] = Invariant($"{fact.Revision}"),
            }.With(fact.Severity, fact.Explanation));
    }
}
