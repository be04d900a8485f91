namespace Platform.Contracts.Detection.V1;

/// <summary>Traffic towards the target stayed under the threshold, with hysteresis, long enough.</summary>
/// <remarks>
/// Producer: detection. Consumers: mitigation, reporting, notifications. Key: <see cref="AnomalyId"/>; published
/// once, possibly seen before <see cref="AnomalyDetected"/>.
/// </remarks>
public sealed record AnomalyEnded
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

    /// <summary>Greatest rate of the whole anomaly, in bits per second.</summary>
    public required long PeakBitsPerSecond { get; init; }

    /// <summary>Greatest rate of the whole anomaly, in packets per second.</summary>
    public required long PeakPacketsPerSecond { get; init; }

    /// <summary><c>subsided</c>, <c>contract-ended</c>, <c>object-removed</c> (the contract goes on; since release 7) or <c>telemetry-missing</c> (nobody knows whether it is over); open set.</summary>
    public required string Reason { get; init; }

    /// <summary>End of the last second over the threshold, exclusive (UTC).</summary>
    public required DateTimeOffset Until { get; init; }

    /// <summary>When the end was recognised (UTC).</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary><c>low</c>, <c>medium</c>, <c>high</c> or <c>critical</c>, the highest of its life. Since release 2.</summary>
    public string? Severity { get; init; }

    /// <summary>
    /// What the target is: <c>host</c>, <c>prefix</c> (no single host stands out: carpet bombing) or <c>object</c> (no prefix does). Since release 2.
    /// </summary>
    public string? Level { get; init; }

    /// <summary><c>in</c> towards the target, <c>out</c> from it; null means <c>in</c>. Since release 2.</summary>
    public string? Direction { get; init; }

    /// <summary>How often the traffic rose again after a pause: 1 for a steady attack, more for a pulse wave. Since release 2.</summary>
    public int? Pulses { get; init; }
}
