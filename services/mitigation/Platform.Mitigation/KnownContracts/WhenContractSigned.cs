using System.Net;
using MassTransit;
using Platform.Contracts.Accounts.V1;

namespace Platform.Mitigation.KnownContracts;

/// <summary>Reaction: a contract came into force, so its prefixes may be defended.</summary>
internal sealed class WhenContractSigned(ContractDirectory contracts) : IConsumer<ContractSigned>
{
    public Task Consume(ConsumeContext<ContractSigned> context)
    {
        var it = context.Message;
        var prefixes = it.Prefixes.Select(prefix => IPNetwork.Parse(prefix)).ToArray();
        return contracts.Save(
            new KnownContract(it.TenantId, it.ContractId, it.ServiceCode, prefixes, it.Version, it.DeclaredBitsPerSecond, it.AlwaysOn, EndedAt: null),
            context.CancellationToken);
    }
}
