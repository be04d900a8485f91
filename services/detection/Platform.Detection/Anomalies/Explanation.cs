using Platform.Detection.ProtectedObjects;
using static System.FormattableString;

namespace Platform.Detection.Anomalies;

/// <summary>Why an anomaly was recognised. Members as in the contract's <c>AnomalyExplanation</c>.</summary>
/// <remarks>Earlier: its like at the same hour of days before, null where it came on fewer than three of seven, and in events until release 6. Level and Japanese are null in events of the first releases. Until release 6 what a profile guessed was called <see cref="RuleName.Set"/>.</remarks>
internal sealed record Explanation(
    string Sentence,
    string Rule,
    string Vector,
    TrafficUnit Unit,
    long Measured,
    long Threshold,
    long? Baseline,
    string? Classification,
    double? Confidence,
    IReadOnlyList<string> Not,
    Evidence Evidence,
    WatchLevel? Level = null,
    string? SentenceJa = null,
    IReadOnlyList<string>? NotJa = null,
    IReadOnlyList<EarlierAnomaly>? Earlier = null)
{
    /// <summary>The same with what came before it, which the sentences tell.</summary>
    public Explanation After(IReadOnlyList<EarlierAnomaly> earlier)
    {
        if (earlier.Count == 0)
        {
            return this;
        }

        var most = Unit is TrafficUnit.Bits
            ? Invariant($"{earlier.Max(one => one.PeakBitsPerSecond):N0} bits/s")
            : Invariant($"{earlier.Max(one => one.PeakPacketsPerSecond):N0} packets/s");
        return this with
        {
            Sentence = Sentence + Invariant($"; the same came at this hour on {earlier.Count} of the last {Recurrence.Days} days, with up to {most}: a job?"),
            SentenceJa = SentenceJa is null ? null
                : SentenceJa + Invariant($"。過去{Recurrence.Days}日間のうち{earlier.Count}日、同じ時間帯に同様の通信(最大{most})がありました。定期的なジョブではありませんか"),
            Earlier = earlier,
        };
    }
}

/// <summary>Kinds of rules as events, contracts and people name them: never rename.</summary>
internal static class RuleName
{
    /// <summary>Somebody set it.</summary>
    public const string Set = "threshold";

    /// <summary>A profile guessed it, and nobody set it.</summary>
    public const string Profile = "profile";

    /// <summary>From the object's own past.</summary>
    public const string Learned = "learned";

    /// <summary>Many parts are over at once, each by its own rule.</summary>
    public const string Spread = "spread";
}

/// <summary>What the traffic was made of, as far as sketches say it; each list largest first.</summary>
internal sealed record Evidence(
    IReadOnlyList<Share> Sources,
    IReadOnlyList<Share> SourcePorts,
    IReadOnlyList<Share> DestinationPorts,
    IReadOnlyList<Share> PacketLengths,
    IReadOnlyList<Share> Protocols)
{
    public static readonly Evidence None = new([], [], [], [], []);
}

/// <param name="Value">Address or number.</param>
/// <param name="Part">Of the packets, 0 to 1.</param>
internal sealed record Share(string Value, double Part);
