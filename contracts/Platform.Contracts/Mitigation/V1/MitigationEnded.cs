namespace Platform.Contracts.Mitigation.V1;

/// <summary>Defence against an anomaly is over and nothing of it is announced any more.</summary>
/// <remarks>Producer: mitigation. Consumers: reporting. Key: <see cref="MitigationId"/>.</remarks>
public sealed record MitigationEnded
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
    /// <c>defended</c>; <c>not-helped</c> when countermeasures were in force and of each the last word is that it did not help (<c>unchanged</c>,
    /// <c>not-seen</c>, or that nothing of the attack was dropped; since release 5); <c>not-defended</c> when none ever was (open set).
    /// </summary>
    public required string Result { get; init; }

    /// <summary>When it ended (UTC).</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>See <see cref="MitigationStarted.ByHand"/>. Since release 5.</summary>
    public bool ByHand { get; init; }
}
