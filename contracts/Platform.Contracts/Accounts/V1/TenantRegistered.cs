namespace Platform.Contracts.Accounts.V1;

/// <summary>A customer was taken on. Published once per tenant.</summary>
/// <remarks>
/// Producer: accounts. Consumers: none yet. Key: <see cref="TenantId"/>. Carries no name: names are of class
/// customer and stay in accounts.
/// </remarks>
public sealed record TenantRegistered
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>When it was registered (UTC).</summary>
    public required DateTimeOffset RegisteredAt { get; init; }
}
