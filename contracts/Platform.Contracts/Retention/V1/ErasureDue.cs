namespace Platform.Contracts.Retention.V1;

/// <summary>
/// The dated term of a contract's data has come: every owner erases what it holds of the classes named, answers
/// <see cref="DataErased"/>, and keeps nothing back.
/// </summary>
/// <remarks>
/// Producer: retention. Consumers: every service that owns data of a contract. Key: <see cref="ErasureId"/>;
/// repeated until every owner answered.
/// </remarks>
public sealed record ErasureDue
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Identity of the contract (UUID version 7).</summary>
    public required Guid ContractId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the erasure (UUID); the same contract and term always have the same.</summary>
    public required Guid ErasureId { get; init; }

    /// <summary>Classes to erase: <c>incident</c>, <c>customer</c>.</summary>
    public required IReadOnlyList<string> DataClasses { get; init; }

    /// <summary>The instant from which nothing may be readable (UTC).</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>When it was requested (UTC).</summary>
    public required DateTimeOffset RequestedAt { get; init; }
}
