namespace Platform.Contracts.Accounts.V1;

/// <summary>
/// A contract came into force: what is protected, for whom, under which service code. Published once per
/// contract.
/// </summary>
/// <remarks>
/// Producer: accounts. Consumers: detection, mitigation. Key: <see
/// cref="ContractId"/>; may arrive after a later <see cref="ContractChanged"/> or <see
/// cref="ContractTerminated"/> of the same contract.
/// </remarks>
public sealed record ContractSigned
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Identity of the contract (UUID version 7).</summary>
    public required Guid ContractId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Which service was ordered; <c>ddos</c> is the only value so far (open set).</summary>
    public required string Service { get; init; }

    /// <summary>
    /// Protected prefixes in CIDR notation, IPv4 and IPv6; never empty, never overlapping another contract's.
    /// </summary>
    public required IReadOnlyList<string> Prefixes { get; init; }

    /// <summary>
    /// Greatest bandwidth of the protected target that the customer declared, in bits per second; above 0.
    /// </summary>
    public required long DeclaredBitsPerSecond { get; init; }

    /// <summary>Option: its traffic runs through the scrubbers always, not only under attack.</summary>
    public bool AlwaysOn { get; init; }

    /// <summary>1 for a new contract; each later change of the contract has a higher one.</summary>
    public required long Version { get; init; }

    /// <summary>When it came into force (UTC).</summary>
    public required DateTimeOffset SignedAt { get; init; }
}
