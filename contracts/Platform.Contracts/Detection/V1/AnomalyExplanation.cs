namespace Platform.Contracts.Detection.V1;

/// <summary>Why an anomaly was recognised, in one sentence and in figures. Part of a fact, no fact itself. Since release 2.</summary>
public sealed record AnomalyExplanation
{
    /// <summary>
    /// For people, in English: <c>udp reached 312,000,000 bits/s towards 203.0.113.10/32, over the learned threshold of 40,000,000
    /// (usual at this hour: 18,000,000)</c>.
    /// </summary>
    public required string Sentence { get; init; }

    /// <summary><c>threshold</c> (somebody set it; until release 6 also what a profile guessed), <c>profile</c> (a profile guessed it, and nobody set it; since release 7), <c>learned</c> (from the object's own past) or <c>spread</c> (many hosts at once); open set.</summary>
    public required string Rule { get; init; }

    /// <summary>The vector that was furthest over: one of <see cref="VectorRate.Vector"/>.</summary>
    public required string Vector { get; init; }

    /// <summary><c>bits</c>, <c>packets</c> or <c>flows</c>, each per second.</summary>
    public required string Unit { get; init; }

    /// <summary>What was measured, per second in <see cref="Unit"/>, as far as the second was known.</summary>
    public required long Measured { get; init; }

    /// <summary>What it was held against, per second in <see cref="Unit"/>.</summary>
    public required long Threshold { get; init; }

    /// <summary>What is usual for the object at this hour of the week, per second in <see cref="Unit"/>; null while nothing is learned.</summary>
    public long? Baseline { get; init; }

    /// <summary>What it looks like: <c>ntp-amplification</c>, <c>syn-flood</c>, <c>udp-flood</c>, ...; open set; null when nothing fits.</summary>
    public string? Classification { get; init; }

    /// <summary>How sure the classification is, 0 to 1: its share of what is beyond the usual, less of few sampled packets.</summary>
    public double? Confidence { get; init; }

    /// <summary>What it is not, and why not, for people.</summary>
    public IReadOnlyList<string> Not { get; init; } = [];

    /// <summary>Addresses that sent most, largest first; empty when not known.</summary>
    public IReadOnlyList<TrafficShare> Sources { get; init; } = [];

    /// <summary>Source ports, largest first; empty when not known.</summary>
    public IReadOnlyList<TrafficShare> SourcePorts { get; init; } = [];

    /// <summary>Destination ports, largest first; empty when not known.</summary>
    public IReadOnlyList<TrafficShare> DestinationPorts { get; init; } = [];

    /// <summary>Packet lengths by class, <c>Value</c> being the upper bound in bytes; empty when not known.</summary>
    public IReadOnlyList<TrafficShare> PacketLengths { get; init; } = [];

    /// <summary>IP protocol numbers, largest first; empty when not known.</summary>
    public IReadOnlyList<TrafficShare> Protocols { get; init; } = [];

    /// <summary>Whose traffic was measured: <c>host</c>, <c>prefix</c> or <c>object</c>; null when not known. Since release 5.</summary>
    public string? Level { get; init; }

    /// <summary><see cref="Sentence"/> in Japanese; null when not known. Since release 5.</summary>
    public string? SentenceJa { get; init; }

    /// <summary><see cref="Not"/> in Japanese; empty when not known. Since release 5.</summary>
    public IReadOnlyList<string> NotJa { get; init; } = [];
}
