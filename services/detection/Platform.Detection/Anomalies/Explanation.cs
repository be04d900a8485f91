using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Anomalies;

/// <summary>Why an anomaly was recognised. Members as in the contract's <c>AnomalyExplanation</c>.</summary>
/// <remarks>Level and Japanese are null in events of the first releases. Until release 6 what a profile guessed was called <see cref="RuleName.Set"/>.</remarks>
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
    IReadOnlyList<string>? NotJa = null);

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
