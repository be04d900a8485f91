using MassTransit;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What every fact about a contract in force comes to: its object <c>default</c> follows.</summary>
internal static class ContractFollowing
{
    public static Task Follow<T>(this StreamStore store, ConsumeContext<T> context, Guid tenantId, FollowContract command)
        where T : class => store.Tenant(TenantId.Of(tenantId)).Handle(
        ProtectedObjectState.Stream,
        command.ContractId.ToString(), // the object 'default' has the contract's id: every fact of it meets the same stream
        state => ProtectedObjectDecider.Decide(state, command),
        context.Cause(),
        context.CancellationToken);
}
