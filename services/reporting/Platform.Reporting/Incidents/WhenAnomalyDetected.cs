using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: an anomaly was detected, so its incident has a target and a beginning.</summary>
internal sealed class WhenAnomalyDetected(IncidentRecorder incidents) : IConsumer<AnomalyDetected>
{
    public Task Consume(ConsumeContext<AnomalyDetected> context)
    {
        var fact = context.Message;
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.AnomalyDetected,
            fact.DetectedAt,
            new IncidentFindings(
                fact.Target,
                [.. fact.Vectors.Select(vector => vector.Vector)],
                fact.BitsPerSecond,
                fact.PacketsPerSecond,
                Prefixes: fact.Prefixes.AsFound()),
            new Dictionary<string, string>
            {
                ["target"] = fact.Target,
                ["vectors"] = string.Join(", ", fact.Vectors.Select(vector => vector.Vector)),
                ["bits_per_second"] = Invariant($"{fact.BitsPerSecond}"),
                ["packets_per_second"] = Invariant($"{fact.PacketsPerSecond}"),
                ["since"] = Invariant($"{fact.Since:O}"),
            }.With(fact.Severity, fact.Explanation));
    }
}
