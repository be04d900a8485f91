using Platform.EventStore;

namespace Platform.Accounts.Tenants;

internal sealed record RegisterTenant(string Name, DateTimeOffset At);

/// <summary>The rules of taking on a customer.</summary>
internal static class TenantDecider
{
    private const int LongestName = 200;

    public static Decision<TenantEvent> Decide(TenantState current, RegisterTenant command)
    {
        if (string.IsNullOrWhiteSpace(command.Name) || command.Name.Length > LongestName)
        {
            return TenantRejections.NameInvalid(LongestName);
        }

        return current.Registered ? Decision<TenantEvent>.Unchanged : new TenantRegistered(command.At);
    }
}
