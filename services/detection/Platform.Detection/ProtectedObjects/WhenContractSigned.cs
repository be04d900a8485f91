using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Reaction: a contract came into force, so its prefixes are watched from now on, with thresholds to begin with.</summary>
internal sealed class WhenContractSigned(StreamStore store, TimeProvider clock) : IConsumer<ContractSigned>
{
    public Task Consume(ConsumeContext<ContractSigned> context)
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
