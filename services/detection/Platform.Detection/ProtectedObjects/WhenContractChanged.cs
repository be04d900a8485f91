using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Reaction: a contract changed, so its object follows. May come first; then it brings the object into being.</summary>
internal sealed class WhenContractChanged(StreamStore store, TimeProvider clock) : IConsumer<ContractChanged>
{
    public Task Consume(ConsumeContext<ContractChanged> context)
    {
        var contract = context.Message;
        return store.Follow(
            context,
            contract.TenantId,
            new FollowContract(
                contract.ContractId,
                contract.ServiceCode,
                [.. contract.Prefixes.Select(prefix => IPNetwork.Parse(prefix))],
                contract.DeclaredBitsPerSecond,
                contract.Version,
                clock.GetUtcNow()));
    }
}
