namespace Platform.Accounts.Tenants;

/// <summary>What can have happened to a customer. Carries no name: names are of class customer and stay in a table.</summary>
internal abstract record TenantEvent;

/// <summary>A customer was taken on.</summary>
internal sealed record TenantRegistered(DateTimeOffset RegisteredAt) : TenantEvent;
