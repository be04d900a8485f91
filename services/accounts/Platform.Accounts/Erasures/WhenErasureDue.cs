using MassTransit;
using Platform.Accounts.Operators;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Accounts.Erasures;

/// <summary>
/// Reaction: the term of a contract's data has come. Its label goes; with the tenant's last contract go the tenant's name, its operators and
/// their sign-ins.
/// </summary>
internal sealed class WhenErasureDue(StreamStore store, CustomerData customerData, TimeProvider clock) : IConsumer<ErasureDue>
{
    public async Task Consume(ConsumeContext<ErasureDue> context)
    {
        var due = context.Message;
        var counts = await customerData.CountsOf(due.ErasureId, context.CancellationToken) ?? await Erase(context);
        var command = new RecordErasure(due.TenantId, due.ServiceCode, due.ErasureId, counts, clock.GetUtcNow());
        await store.Tenant(TenantId.Provider).Handle(
            ErasureState.Stream,
            due.ErasureId.ToString(),
            state => ErasureDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
    }

    private async Task<IReadOnlyDictionary<string, long>> Erase(ConsumeContext<ErasureDue> context)
    {
        var due = context.Message;
        if (!due.DataClasses.Contains("customer"))
        {
            return new Dictionary<string, long>();
        }

        var last = await customerData.IsLastOf(due.TenantId, due.ServiceCode, context.CancellationToken);
        if (last)
        {
            // First the people may no longer act, then what is known of them goes.
            await store.Tenant(TenantId.Of(due.TenantId)).Handle(
                OperatorsState.Stream,
                OperatorsState.Key,
                state => OperatorsDecider.Decide(state, new DismissOperators(clock.GetUtcNow())),
                context.Cause(),
                context.CancellationToken);
        }

        return await customerData.Erase(due.ErasureId, due.TenantId, due.ServiceCode, everything: last, context.CancellationToken);
    }
}
