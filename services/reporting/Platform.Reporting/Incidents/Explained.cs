using Platform.Contracts.Detection.V1;

namespace Platform.Reporting.Incidents;

/// <summary>What a timeline says of why an anomaly was recognised: in words of both languages, and in figures with units in their names.</summary>
internal static class Explained
{
    public static Dictionary<string, string> With(
        this Dictionary<string, string> details, string? severity, AnomalyExplanation? why)
    {
        Add("severity", severity);
        if (why is null)
        {
            return details;
        }

        Add("explanation", why.Sentence);
        Add("explanation_ja", why.SentenceJa);
        Add("rule", why.Rule);
        Add("level", why.Level);
        Add("classification", why.Classification);
        Add("confidence_percent", why.Confidence is { } sure ? Invariant($"{sure * 100:0}") : null);
        Add($"measured_{why.Unit}_per_second", Invariant($"{why.Measured}"));
        Add($"threshold_{why.Unit}_per_second", Invariant($"{why.Threshold}"));
        Add($"baseline_{why.Unit}_per_second", why.Baseline is { } usual ? Invariant($"{usual}") : null);
        Add("sources", Shares(why.Sources));
        Add("source_ports", Shares(why.SourcePorts));
        Add("destination_ports", Shares(why.DestinationPorts));
        Add("packet_lengths_bytes", Shares(why.PacketLengths, "≤ "));
        Add("not", string.Join("; ", why.Not));
        Add("not_ja", string.Join("。", why.NotJa));
        return details;

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                details[name] = value;
            }
        }
    }

    /// <summary>What it is spread over; null: nothing is said of that.</summary>
    public static IReadOnlyList<PrefixFinding>? AsFound(this IReadOnlyList<TrafficShare>? prefixes) =>
        prefixes is { Count: > 0 } ? [.. prefixes.Select(one => new PrefixFinding(one.Value, one.Share))] : null;

    private static string Shares(IEnumerable<TrafficShare> shares, string before = "") =>
        string.Join(", ", shares.Select(share => Invariant($"{before}{share.Value} ({share.Share * 100:0} %)")));
}
