using System.Net;
using Npgsql;

namespace Platform.Mitigation.AlwaysOn;

/// <summary>Query: contracts whose option is another than what is ordered here.</summary>
internal static class ChangedOrders
{
    public static async Task<IReadOnlyList<ChangedOrder>> Read(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select c.tenant_id, c.service_code, c.always_on, c.prefixes, c.version
            from views.contracts_v1 c
            left join views.always_on_v1 o using (tenant_id, service_code)
            where c.always_on <> coalesce(o.ordered, false)
            """);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var changed = new List<ChangedOrder>();
        while (await row.ReadAsync(cancellation))
        {
            changed.Add(new ChangedOrder(
                row.GetGuid(0), row.GetString(1), row.GetBoolean(2), row.GetFieldValue<IPNetwork[]>(3), row.GetInt64(4)));
        }

        return changed;
    }
}

/// <param name="IsOrdered">What the contract says; one that has ended says no.</param>
/// <param name="Prefixes">What it protects.</param>
/// <param name="Version">Its newest version.</param>
internal sealed record ChangedOrder(Guid TenantId, string ServiceCode, bool IsOrdered, IPNetwork[] Prefixes, long Version);
