using MassTransit;
using Platform.Contracts.Detection.V1;

namespace Platform.Notifications.Notices;

/// <summary>Reaction: an anomaly was detected, so the customer is told what is under attack, and which rule says so.</summary>
internal sealed class WhenAnomalyDetected(NoticePublisher notices) : IConsumer<AnomalyDetected>
{
    public Task Consume(ConsumeContext<AnomalyDetected> context)
    {
        var fact = context.Message;
        var details = new Dictionary<string, string>
        {
            ["incident_id"] = $"{fact.AnomalyId:D}",
            ["target"] = fact.Target,
            ["vectors"] = string.Join(", ", fact.Vectors.Select(vector => vector.Vector)),
            ["bits_per_second"] = Invariant($"{fact.BitsPerSecond}"),
            ["packets_per_second"] = Invariant($"{fact.PacketsPerSecond}"),
            ["detected_at"] = Invariant($"{fact.DetectedAt:O}"),
        };
        foreach (var (name, value) in Why(fact).Where(why => !string.IsNullOrEmpty(why.Value)))
        {
            details.Add(name, value!);
        }

        return notices.Tell(context, fact.TenantId, fact.ServiceCode, NoticeKinds.AnomalyDetected, details);
    }

    private static (string Name, string? Value)[] Why(AnomalyDetected fact) =>
    [
        ("severity", fact.Severity),
        ("explanation", fact.Explanation?.Sentence),
        ("explanation_ja", fact.Explanation?.SentenceJa),
        ("rule", fact.Explanation?.Rule),
        ("level", fact.Explanation?.Level),
        ("classification", fact.Explanation?.Classification),
        ("confidence_percent", fact.Explanation?.Confidence is { } sure ? Invariant($"{sure * 100:0}") : null),
    ];
}
