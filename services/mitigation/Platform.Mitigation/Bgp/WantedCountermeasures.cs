using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>Query: every countermeasure that is in the network, shall be, or is on its way out.</summary>
internal static class WantedCountermeasures
{
    /// <summary>While the kill switch is engaged nothing is wanted, and after it nothing from before, whatever the streams have got to.</summary>
    public static async Task<IReadOnlyList<WantedCountermeasure>> Read(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select c.tenant_id, c.mitigation_id, c.countermeasure_id, c.kind, c.prefix, c.rule, c.announced_by, m.expires_at,
                c.withdrawing or coalesce(k.engaged or m.sequence < k.sequence, false) or m.ended_at is not null, c.pool
            from views.countermeasures_v1 c
            join views.mitigations_v1 m using (tenant_id, mitigation_id)
            left join views.kill_switch_v1 k on true
            where c.in_network and not c.withdrawn
            order by c.mitigation_id, c.countermeasure_id
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var wanted = new List<WantedCountermeasure>();
        while (await reader.ReadAsync(cancellation))
        {
            wanted.Add(new WantedCountermeasure(
                reader.GetGuid(0),
                reader.GetGuid(1),
                reader.GetGuid(2),
                new CountermeasureSpec(
                    (CountermeasureKind)reader.GetInt16(3),
                    reader.GetFieldValue<IPNetwork>(4),
                    await reader.IsDBNullAsync(5, cancellation)
                        ? null
                        : JsonSerializer.Deserialize<TrafficRule>(reader.GetString(5), EventCatalog.Json),
                    await reader.IsDBNullAsync(9, cancellation) ? null : reader.GetString(9)),
                reader.GetFieldValue<string[]>(6),
                reader.GetFieldValue<DateTimeOffset>(7),
                reader.GetBoolean(8)));
        }

        return wanted;
    }
}

/// <param name="Spec">What shall be, or shall go.</param>
/// <param name="AnnouncedBy">Speakers and scrubbers whose read-back is already in the stream.</param>
/// <param name="ExpiresAt">When it ends by itself (UTC).</param>
/// <param name="Withdrawing">Whether it shall go.</param>
internal sealed record WantedCountermeasure(
    Guid TenantId,
    Guid MitigationId,
    Guid CountermeasureId,
    CountermeasureSpec Spec,
    string[] AnnouncedBy,
    DateTimeOffset ExpiresAt,
    bool Withdrawing);
