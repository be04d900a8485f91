using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Reaction: a contract came into force, so its prefixes are watched from now on, with thresholds to begin with.</summary>
internal sealed class WhenContractSigned(StreamStore store, TimeProvider clock) : IConsumer<ContractSigned>
{
    public Task Consume(ConsumeContext<ContractSigned> context)
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
