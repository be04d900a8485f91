namespace Platform.Contracts.Reporting.V1;

/// <summary>
/// The timeline of an incident has a new step. For live pages: says that something changed, the content is asked
/// for.
/// </summary>
/// <remarks>Producer: reporting. Consumers: gateway (server-sent events). Key: <see cref="IncidentId"/>.</remarks>
public sealed record IncidentChanged
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the incident; equal to the anomaly's.</summary>
    public required Guid IncidentId { get; init; }

    /// <summary>
    /// The newest step, for example <c>anomaly-detected</c>, <c>countermeasure-announced</c>,
    /// <c>anomaly-ended</c>.
    /// </summary>
    public required string Step { get; init; }

    /// <summary><c>open</c> or <c>closed</c>.</summary>
    public required string Status { get; init; }

    /// <summary>When the step happened (UTC).</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}
