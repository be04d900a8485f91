using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Reaction: a contract changed, so its object follows. May come first; then it brings the object into being.</summary>
internal sealed class WhenContractChanged(StreamStore store, TimeProvider clock) : IConsumer<ContractChanged>
{
    public Task Consume(ConsumeContext<ContractChanged> context)
    {
        var contract = context.Message;
        var command = new FollowContract(
            contract.ContractId,
            contract.ServiceCode,
            [.. contract.Prefixes.Select(prefix => IPNetwork.Parse(prefix))],
            contract.DeclaredBitsPerSecond,
            contract.Version,
            clock.GetUtcNow());

        return store.Tenant(TenantId.Of(contract.TenantId)).Handle(
            ProtectedObjectState.Stream,
            contract.ContractId.ToString(), // the object 'default' has the contract's id: every fact of it meets the same stream
            state => ProtectedObjectDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
    }
}
