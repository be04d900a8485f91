using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Tenants;

/// <summary>What the rules need to remember about one customer.</summary>
internal sealed record TenantState(bool Registered)
{
    public static readonly StreamType<TenantState, TenantEvent> Stream = new("tenant", new TenantState(false), Evolve);

    public static TenantState Evolve(TenantState current, TenantEvent happened) => happened switch
    {
        TenantRegistered => new(Registered: true),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the tenant stream."),
    };
}
