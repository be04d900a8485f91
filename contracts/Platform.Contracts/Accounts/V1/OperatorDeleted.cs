namespace Platform.Contracts.Accounts.V1;

/// <summary>A person may no longer act for a tenant.</summary>
/// <remarks>Producer: accounts. Consumers: gateway, notifications. Key: <see cref="OperatorId"/>.</remarks>
public sealed record OperatorDeleted
{
    /// <summary>The tenant (customer) that the operator acts for; null for the provider's staff.</summary>
    public required Guid? TenantId { get; init; }

    /// <summary>Identity of the operator (UUID version 7).</summary>
    public required Guid OperatorId { get; init; }

    /// <summary>When the operator was deleted (UTC).</summary>
    public required DateTimeOffset DeletedAt { get; init; }
}
