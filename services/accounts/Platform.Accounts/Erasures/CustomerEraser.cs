using Platform.Accounts.Operators;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting.Erasures;

namespace Platform.Accounts.Erasures;

/// <summary>
/// Erases what is known of people: the contract's label, and with the tenant's last contract the tenant's name, its operators and their
/// sign-ins.
/// </summary>
internal sealed class CustomerEraser(StreamStore store, CustomerData customerData, TimeProvider clock) : IContractEraser
{
    public string Owner => "accounts";

    public IReadOnlyList<string> DataClasses => ["customer"];

    public async Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellationToken)
    {
        if (await customerData.CountsOf(due.ErasureId, cancellationToken) is { } counted)
        {
            return counted;
        }

        var last = await customerData.IsLastOf(due.TenantId, due.ServiceCode, cancellationToken);
        if (last)
        {
            // First the people may no longer act, then what is known of them goes.
            await store.Tenant(TenantId.Of(due.TenantId)).Handle(
                OperatorsState.Stream,
                OperatorsState.Key,
                state => OperatorsDecider.Decide(state, new DismissOperators(clock.GetUtcNow())),
                cause,
                cancellationToken);
        }

        return await customerData.Erase(due.ErasureId, due.TenantId, due.ServiceCode, everything: last, cancellationToken);
    }
}
