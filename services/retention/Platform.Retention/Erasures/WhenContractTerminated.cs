using MassTransit;
using Platform.Contracts.Accounts.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Retention.Terms;

namespace Platform.Retention.Erasures;

/// <summary>Reaction: a contract ended, so its terms say when its data dies.</summary>
internal sealed class WhenContractTerminated(StreamStore store, RetentionTerms terms) : IConsumer<ContractTerminated>
{
    public async Task Consume(ConsumeContext<ContractTerminated> context)
    {
        var ended = context.Message;
        var inForce = await terms.Of(ended.Service, context.CancellationToken);
        foreach (var dated in DatedErasure.Of(inForce, ended.TerminatedAt))
        {
            var command = new ScheduleErasure(
                ErasureId.For(ended.ContractId, dated.MonthsAfterTermination),
                ended.TenantId,
                ended.ContractId,
                ended.ServiceCode,
                ended.Service,
                dated.DataClasses,
                dated.MonthsAfterTermination,
                ended.TerminatedAt,
                dated.DueAt);
            await store.Tenant(TenantId.Provider).Handle(
                ErasureState.Stream,
                $"{command.ErasureId:D}",
                state => ErasureDecider.Decide(state, command),
                context.Cause(),
                context.CancellationToken);
        }
    }
}
