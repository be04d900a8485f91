namespace Platform.Contracts.Accounts.V1;

/// <summary>
/// A person may now act for a tenant. Carries no name or address: those are of class customer and stay in
/// accounts.
/// </summary>
/// <remarks>Producer: accounts. Consumers: notifications. Key: <see cref="OperatorId"/>.</remarks>
public sealed record OperatorRegistered
{
    /// <summary>The tenant (customer) that the operator acts for; null for the provider's staff.</summary>
    public required Guid? TenantId { get; init; }

    /// <summary>Identity of the operator (UUID version 7).</summary>
    public required Guid OperatorId { get; init; }

    /// <summary>
    /// <c>administrator</c>, <c>operator</c> or <c>viewer</c> of a customer; <c>provider-operator</c>,
    /// <c>provider-maintainer</c> or <c>provider-auditor</c> (open set).
    /// </summary>
    public required string Role { get; init; }

    /// <summary>When the operator was registered (UTC).</summary>
    public required DateTimeOffset RegisteredAt { get; init; }
}
