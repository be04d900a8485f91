namespace Platform.Contracts.Reporting.V1;

/// <summary>The report of a finished incident can be read.</summary>
/// <remarks>
/// Producer: reporting. Consumers: retention (residual detections). Key: <see cref="IncidentId"/>;
/// published once.
/// </remarks>
public sealed record IncidentReportPublished
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the incident; equal to the anomaly's.</summary>
    public required Guid IncidentId { get; init; }

    /// <summary>
    /// Attacked prefix in CIDR notation, a single host most of the time: <c>203.0.113.10/32</c> or
    /// <c>2001:db8::1/128</c>.
    /// </summary>
    public required string Target { get; init; }

    /// <summary>Greatest rate, in bits per second.</summary>
    public required long PeakBitsPerSecond { get; init; }

    /// <summary>Greatest rate, in packets per second.</summary>
    public required long PeakPacketsPerSecond { get; init; }

    /// <summary>
    /// See <see cref="Mitigation.V1.MitigationEnded.Result"/>, the best where several defences were begun; <c>none</c> when there was no mitigation.
    /// </summary>
    public required string MitigationResult { get; init; }

    /// <summary>When the anomaly was recognised (UTC).</summary>
    public required DateTimeOffset DetectedAt { get; init; }

    /// <summary>When the report was published (UTC).</summary>
    public required DateTimeOffset PublishedAt { get; init; }
}
