namespace Platform.Accounts.Contracts;

/// <summary>What can have happened to a contract. Class provider: service codes are never reused, so their history stays.</summary>
internal abstract record ContractEvent;

/// <summary>A contract came into force.</summary>
/// <param name="ContractId">Identity of the contract.</param>
/// <param name="ServiceCode">Unique and never reused.</param>
/// <param name="Service">What was ordered, for example <c>ddos</c>.</param>
/// <param name="Prefixes">Protected prefixes, canonical CIDR notation, in address order.</param>
/// <param name="DeclaredBitsPerSecond">Greatest bandwidth of the protected target, above 0.</param>
/// <param name="SignedAt">When (UTC).</param>
/// <param name="AlwaysOn">Option: its traffic runs through the scrubbers always.</param>
internal sealed record ContractSigned(
    Guid ContractId,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> Prefixes,
    long DeclaredBitsPerSecond,
    DateTimeOffset SignedAt,
    bool AlwaysOn = false) : ContractEvent;

/// <summary>Prefixes, declared bandwidth or options were replaced.</summary>
internal sealed record ContractChanged(
    string ServiceCode,
    string Service,
    IReadOnlyList<string> Prefixes,
    long DeclaredBitsPerSecond,
    DateTimeOffset ChangedAt,
    bool AlwaysOn = false) : ContractEvent;

/// <summary>The contract ended.</summary>
internal sealed record ContractTerminated(string ServiceCode, string Service, DateTimeOffset TerminatedAt) : ContractEvent;
