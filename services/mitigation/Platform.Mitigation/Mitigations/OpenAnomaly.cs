using System.Text.Json;
using Npgsql;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// An anomaly that goes on at the target of something that is done by hand: the effect is measured against what it says, and told in its incident.
/// </summary>
internal sealed record OpenAnomaly(Guid AnomalyId, Guid ObjectId, IReadOnlyList<VectorEvidence> Evidence)
{
    /// <summary>Query: the newest one, defended, refused or given up; null when none goes on there.</summary>
    /// <param name="database">Ours.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="specs">What is to be done.</param>
    /// <param name="since">Of what was over or refused before, no end is waited for (UTC).</param>
    /// <param name="cancellation">Stops the wait.</param>
    public static async Task<OpenAnomaly?> Near(
        NpgsqlDataSource database, TenantId tenant, IReadOnlyList<CountermeasureSpec> specs, DateTimeOffset since, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider || specs.Count == 0)
        {
            return null;
        }

        await using var command = database.CreateCommand(
            """
            select target, object_id, evidence::text, anomaly_id
            from views.mitigations_v1
            where tenant_id = $1 and object_id is not null and evidence is not null and anomaly_id <> '00000000-0000-0000-0000-000000000000'
              and held_until is null and (ended_at is null or started_at > $2)
            order by started_at desc
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = since });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            // What is measured is the traffic of the first prefix: that is the mitigation's target. What was refused may be no prefix at all.
            if (PrefixText.TryRead(row.GetString(0), out var target) && target == specs[0].Prefix)
            {
                return new OpenAnomaly(row.GetGuid(3), row.GetGuid(1), JsonSerializer.Deserialize<VectorEvidence[]>(row.GetString(2), EventCatalog.Json)!);
            }
        }

        return null;
    }
}
