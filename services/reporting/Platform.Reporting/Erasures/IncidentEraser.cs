using Npgsql;
using Platform.EventStore;
using Platform.Reporting.Incidents;

namespace Platform.Reporting.Erasures;

/// <summary>Deletes the incidents of one contract: streams first, then what was derived from them.</summary>
internal sealed class IncidentEraser(NpgsqlDataSource database, StreamStore store)
{
    /// <returns>
    /// Kind of stream to number of streams that this erasure has taken in all, earlier attempts included.
    /// </returns>
    public async Task<IReadOnlyDictionary<string, long>> Erase(
        TenantId tenant, string serviceCode, Guid erasureId, CancellationToken cancellationToken)
    {
        var session = store.Tenant(tenant);
        var streams = new List<StreamKey>();
        foreach (var key in await session.Keys(IncidentState.Stream, cancellationToken))
        {
            // The streams themselves are asked: a view may be behind.
            var (incident, _) = await session.Load(IncidentState.Stream, key, cancellationToken);
            if (incident.ServiceCode == serviceCode)
            {
                streams.Add(IncidentState.Stream.For(key));
            }
        }

        var counts = await session.Erase(new Erasure(erasureId, streams, KeyScopes: []), cancellationToken);
        await DeleteRows(serviceCode, cancellationToken);
        var kind = IncidentState.Stream.Name;
        return new Dictionary<string, long> { [kind] = counts.GetValueOrDefault(kind) };
    }

    private async Task DeleteRows(string serviceCode, CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        foreach (var table in (string[])["views.incident_steps", "views.incidents"])
        {
            batch.BatchCommands.Add(new($"delete from {table} where service_code = $1")
            {
                Parameters = { new NpgsqlParameter { Value = serviceCode } },
            });
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}
