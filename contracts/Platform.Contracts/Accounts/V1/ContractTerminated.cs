namespace Platform.Contracts.Accounts.V1;

/// <summary>A contract ended. Protection stops now; its data dies on the dated terms that retention holds.</summary>
/// <remarks>
/// Producer: accounts. Consumers: detection, mitigation, retention. Key: <see cref="ContractId"/>; published
/// once.
/// </remarks>
public sealed record ContractTerminated
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Identity of the contract (UUID version 7).</summary>
    public required Guid ContractId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>See <see cref="ContractSigned.Service"/>.</summary>
    public required string Service { get; init; }

    /// <summary>Version of the contract after its end; higher than every other of it.</summary>
    public required long Version { get; init; }

    /// <summary>When it ended; the month of termination is this instant's month in Japan time (UTC).</summary>
    public required DateTimeOffset TerminatedAt { get; init; }
}
