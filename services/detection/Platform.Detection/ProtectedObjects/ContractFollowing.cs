using MassTransit;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What every fact about a contract in force comes to: its objects follow.</summary>
internal static class ContractFollowing
{
    public static Task Follow<T>(this StreamStore store, ConsumeContext<T> context, Guid tenantId, FollowContract command)
        where T : class => store.Tenant(TenantId.Of(tenantId)).Handle(
        ProtectedObjectState.Stream,
        command.ContractId.ToString(), // every fact of a contract meets the same stream, that of its objects
        state => ProtectedObjectDecider.Decide(state, command),
        context.Cause(),
        context.CancellationToken);
}
