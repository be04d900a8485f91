namespace Platform.Contracts.Detection.V1;

/// <summary>
/// Traffic towards a protected target crossed a threshold. Published once per anomaly, when it opens.
/// </summary>
/// <remarks>
/// Producer: detection. Consumers: mitigation, reporting, notifications. Key: <see cref="AnomalyId"/>; delivered
/// at least once, possibly after <see cref="AnomalyChanged"/> or <see cref="AnomalyEnded"/>.
/// </remarks>
public sealed record AnomalyDetected
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>The protected object (UUID).</summary>
    public required Guid ObjectId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>
    /// Attacked prefix in CIDR notation, a single host most of the time: <c>203.0.113.10/32</c> or
    /// <c>2001:db8::1/128</c>.
    /// </summary>
    public required string Target { get; init; }

    /// <summary>The vectors over their threshold, greatest excess first, with what was measured.</summary>
    public required IReadOnlyList<VectorRate> Vectors { get; init; }

    /// <summary>Whole rate towards the target in that second, in bits per second, sampling multiplied in.</summary>
    public required long BitsPerSecond { get; init; }

    /// <summary>Whole rate towards the target in that second, in packets per second, sampling multiplied in.</summary>
    public required long PacketsPerSecond { get; init; }

    /// <summary>Start of the first second over the threshold, inclusive (UTC).</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>When the anomaly was recognised (UTC).</summary>
    public required DateTimeOffset DetectedAt { get; init; }

    /// <summary><c>low</c>, <c>medium</c>, <c>high</c> or <c>critical</c>, from how far over and for how long. Since release 2.</summary>
    public string? Severity { get; init; }

    /// <summary>
    /// What the target is: <c>host</c>, <c>prefix</c> (no single host stands out: carpet bombing) or <c>object</c> (no prefix does). Since release 2.
    /// </summary>
    public string? Level { get; init; }

    /// <summary><c>in</c> towards the target, <c>out</c> from it; null means <c>in</c>. Since release 2.</summary>
    public string? Direction { get; init; }

    /// <summary>Why it was recognised, with the evidence as far as it is known. Since release 2.</summary>
    public AnomalyExplanation? Explanation { get; init; }

    /// <summary>
    /// What it is spread over where that is more than the target: the largest prefixes under attack in CIDR notation, greatest first, at most 32, each with its part of
    /// the packets. Null: the target alone. Since release 4.
    /// </summary>
    public IReadOnlyList<TrafficShare>? Prefixes { get; init; }
}
