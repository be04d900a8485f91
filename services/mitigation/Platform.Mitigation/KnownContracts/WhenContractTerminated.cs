using MassTransit;
using Platform.Contracts.Accounts.V1;

namespace Platform.Mitigation.KnownContracts;

/// <summary>
/// Reaction: a contract ended. The end is only remembered here; <see cref="Mitigations.DueWithdrawals"/> sees it within a second and
/// withdraws what stands, also what was being decided at this very moment.
/// </summary>
internal sealed class WhenContractTerminated(ContractDirectory contracts) : IConsumer<ContractTerminated>
{
    public Task Consume(ConsumeContext<ContractTerminated> context)
    {
        var it = context.Message;
        return contracts.Save(
            new KnownContract(it.TenantId, it.ContractId, it.ServiceCode, [], it.Version, DeclaredBitsPerSecond: 0, AlwaysOn: false, it.TerminatedAt),
            context.CancellationToken);
    }
}
