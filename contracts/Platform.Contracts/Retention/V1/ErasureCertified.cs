namespace Platform.Contracts.Retention.V1;

/// <summary>Every owner has answered: the data of the contract is gone, but for the two residual classes.</summary>
/// <remarks>Producer: retention. Consumers: notifications. Key: <see cref="ErasureId"/>; published once.</remarks>
public sealed record ErasureCertified
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the erasure (UUID); the same contract and term always have the same.</summary>
    public required Guid ErasureId { get; init; }

    /// <summary>Sum over all owners, by owner and kind, for example <c>reporting/incident</c>.</summary>
    public required IReadOnlyDictionary<string, long> Counts { get; init; }

    /// <summary>When the term came (UTC).</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>When the last answer came (UTC).</summary>
    public required DateTimeOffset CertifiedAt { get; init; }
}
