using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Reaction: a contract ended, so its objects are no longer watched. May come before the contract itself; then none ever is.</summary>
internal sealed class WhenContractTerminated(StreamStore store, TimeProvider clock) : IConsumer<ContractTerminated>
{
    public Task Consume(ConsumeContext<ContractTerminated> context)
    {
        var contract = context.Message;
        var command = new RetireObjects(contract.ContractId, contract.ServiceCode, clock.GetUtcNow());

        return store.Tenant(TenantId.Of(contract.TenantId)).Handle(
            ProtectedObjectState.Stream,
            contract.ContractId.ToString(),
            state => ProtectedObjectDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
    }
}
