using Dapper;
using Npgsql;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting.Erasures;
using Platform.Mitigation.AlwaysOn;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Erasures;

/// <summary>
/// Erases the mitigations, policies and orders of one contract, and our copy of the contract with them; what operators wrote dies with its key.
/// </summary>
internal sealed class MitigationEraser(
    StreamStore store, EventFeed feed, KnownMitigations mitigations, KnownPolicies policies, AlwaysOnOrders orders, NpgsqlDataSource database)
    : IContractEraser
{
    private const string Records = "incident";
    private const string Notes = "customer";

    public string Owner => "mitigation";

    public IReadOnlyList<string> DataClasses => [Records, Notes];

    public async Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellation)
    {
        var session = store.Tenant(TenantId.Of(due.TenantId));
        var records = due.DataClasses.Contains(Records);
        var erasure = new Erasure(
            due.ErasureId,
            records ? await StreamsOf(session, due.ServiceCode, cancellation) : [],
            due.DataClasses.Contains(Notes) ? [due.ServiceCode] : []);
        // The view must have passed what goes, or a late projection would bring its rows back.
        await feed.CatchUp(mitigations.Name, cancellation);
        await feed.CatchUp(policies.Name, cancellation);
        await feed.CatchUp(orders.Name, cancellation);
        var counts = await session.Erase(erasure, cancellation);
        if (records)
        {
            await EraseRows(due, cancellation);
        }

        return counts;
    }

    private static async Task<IReadOnlyCollection<StreamKey>> StreamsOf(
        TenantSession session, string serviceCode, CancellationToken cancellation)
    {
        var streams = new List<StreamKey>();
        foreach (var key in await session.Keys(MitigationState.Stream, cancellation))
        {
            var (state, _) = await session.Load(MitigationState.Stream, key, cancellation);
            if (state.Scope?.ServiceCode == serviceCode)
            {
                streams.Add(MitigationState.Stream.For(key));
            }
        }

        foreach (var key in await session.Keys(DefensePolicyState.Stream, cancellation))
        {
            var (state, _) = await session.Load(DefensePolicyState.Stream, key, cancellation);
            if (state.ServiceCode == serviceCode)
            {
                streams.Add(DefensePolicyState.Stream.For(key));
            }
        }

        if ((await session.Load(AlwaysOnState.Stream, serviceCode, cancellation)).State.ServiceCode is not null)
        {
            streams.Add(AlwaysOnState.Stream.For(serviceCode));
        }

        return streams;
    }

    private async Task EraseRows(ErasureDue due, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            delete from views.countermeasures_v1 c using views.mitigations_v1 m
            where m.tenant_id = @TenantId and m.service_code = @ServiceCode
              and c.tenant_id = m.tenant_id and c.mitigation_id = m.mitigation_id;
            delete from views.mitigations_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.always_on_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.policies_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.contracts_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            """,
            new { due.TenantId, due.ServiceCode });
    }
}
