using Npgsql;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting.Erasures;
using Platform.Reporting.Incidents;

namespace Platform.Reporting.Erasures;

/// <summary>Deletes the incidents of one contract: streams first, then what was derived from them.</summary>
internal sealed class IncidentEraser(NpgsqlDataSource database, StreamStore store) : IContractEraser
{
    public string Owner => "reporting";

    public IReadOnlyList<string> DataClasses => ["incident"];

    public async Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellationToken)
    {
        var session = store.Tenant(TenantId.Of(due.TenantId));
        var streams = new List<StreamKey>();
        foreach (var key in await session.Keys(IncidentState.Stream, cancellationToken))
        {
            // The streams themselves are asked: a view may be behind.
            var (incident, _) = await session.Load(IncidentState.Stream, key, cancellationToken);
            if (incident.ServiceCode == due.ServiceCode)
            {
                streams.Add(IncidentState.Stream.For(key));
            }
        }

        var counts = await session.Erase(new Erasure(due.ErasureId, streams, KeyScopes: []), cancellationToken);
        await DeleteRows(due.ServiceCode, cancellationToken);
        var kind = IncidentState.Stream.Name;
        return new Dictionary<string, long> { [kind] = counts.GetValueOrDefault(kind) };
    }

    private async Task DeleteRows(string serviceCode, CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        foreach (var table in (string[])["views.incident_countermeasures", "views.incident_steps", "views.incidents"])
        {
            batch.BatchCommands.Add(new($"delete from {table} where service_code = $1")
            {
                Parameters = { new NpgsqlParameter { Value = serviceCode } },
            });
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}
