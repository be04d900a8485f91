using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;

namespace Platform.Mitigation.KnownContracts;

/// <summary>Reaction: a contract's prefixes changed, so from now on others may be defended; what stands for one that it gave up is dropped within a second.</summary>
internal sealed class WhenContractChanged(ContractDirectory contracts) : IConsumer<ContractChanged>
{
    public Task Consume(ConsumeContext<ContractChanged> context)
    {
        var it = context.Message;
        var prefixes = it.Prefixes.Select(prefix => IPNetwork.Parse(prefix)).ToArray();
        return contracts.Save(
            new KnownContract(it.TenantId, it.ContractId, it.ServiceCode, prefixes, it.Version, it.DeclaredBitsPerSecond, it.AlwaysOn, EndedAt: null),
            context.CancellationToken);
    }
}
