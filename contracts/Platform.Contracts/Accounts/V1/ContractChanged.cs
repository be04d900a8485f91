namespace Platform.Contracts.Accounts.V1;

/// <summary>
/// Prefixes, declared bandwidth or options of a contract changed. Carries the whole new content, so only the highest
/// version counts.
/// </summary>
/// <remarks>
/// Producer: accounts. Consumers: detection, mitigation, retention. Key: <see cref="ContractId"/>; ordered by
/// <see cref="Version"/>.
/// </remarks>
public sealed record ContractChanged
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Identity of the contract (UUID version 7).</summary>
    public required Guid ContractId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>See <see cref="ContractSigned.Service"/>.</summary>
    public required string Service { get; init; }

    /// <summary>All protected prefixes from now on, in CIDR notation.</summary>
    public required IReadOnlyList<string> Prefixes { get; init; }

    /// <summary>Greatest declared bandwidth from now on, in bits per second.</summary>
    public required long DeclaredBitsPerSecond { get; init; }

    /// <summary>Option: its traffic runs through the scrubbers always, not only under attack.</summary>
    public bool AlwaysOn { get; init; }

    /// <summary>Version of the contract after this change, from 2.</summary>
    public required long Version { get; init; }

    /// <summary>When it changed (UTC).</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}
