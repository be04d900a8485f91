using System.Net;
using Npgsql;

namespace Platform.Mitigation.Bgp;

/// <summary>Query: every countermeasure that is in the network, shall be, or is on its way out.</summary>
internal static class WantedCountermeasures
{
    public static async Task<IReadOnlyList<WantedCountermeasure>> Read(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select tenant_id, mitigation_id, countermeasure_id, prefix, announced_by, withdrawing
            from views.countermeasures_v1
            where not withdrawn
            order by mitigation_id, countermeasure_id
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var wanted = new List<WantedCountermeasure>();
        while (await reader.ReadAsync(cancellation))
        {
            wanted.Add(new WantedCountermeasure(
                reader.GetGuid(0),
                reader.GetGuid(1),
                reader.GetGuid(2),
                reader.GetFieldValue<IPNetwork>(3),
                reader.GetFieldValue<string[]>(4),
                reader.GetBoolean(5)));
        }

        return wanted;
    }
}

/// <param name="AnnouncedBy">Speakers whose read-back is already in the stream.</param>
/// <param name="Withdrawing">Whether it shall go.</param>
internal sealed record WantedCountermeasure(
    Guid TenantId, Guid MitigationId, Guid CountermeasureId, IPNetwork Prefix, string[] AnnouncedBy, bool Withdrawing);
