namespace Platform.Contracts.Mitigation.V1;

/// <summary>
/// Defence against an anomaly was decided: by the rules, or by hand. Nothing of it is in the network before <see cref="CountermeasureAnnounced"/> says so.
/// </summary>
/// <remarks>
/// Producer: mitigation. Consumers: reporting. Key: <see cref="MitigationId"/>. By the rules once for each anomaly, after
/// <see cref="MitigationFailed"/> where what refused it has passed; by hand any number of times.
/// </remarks>
public sealed record MitigationStarted
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly, and one for each time that a defence is begun by hand.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>
    /// Attacked prefix in CIDR notation, a single host most of the time: <c>203.0.113.10/32</c> or
    /// <c>2001:db8::1/128</c>.
    /// </summary>
    public required string Target { get; init; }

    /// <summary>When it was decided (UTC).</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>
    /// <c>automatic</c>, <c>after-approval</c> (a person has to agree first) or <c>dry-run</c> (nothing is put into the network); open set; null from older
    /// producers. Since release 5.
    /// </summary>
    public string? Mode { get; init; }

    /// <summary>A person began it while the anomaly went on at its target, beside what the rules do or refuse. Since release 5.</summary>
    public bool ByHand { get; init; }
}
