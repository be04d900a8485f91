using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Query: the objects of a tenant that are watched, by service code and name.</summary>
internal static class ListedObjects
{
    public static async Task<IReadOnlyList<ObjectContent>> Read(
        NpgsqlDataSource database, TenantId tenant, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return []; // the provider itself has no contract
        }

        await using var command = database.CreateCommand(
            """
            select object_id, service_code, name, prefixes, thresholds, version, settings
            from views.protected_objects_v1
            where tenant_id = $1 and retired_at is null
            order by service_code, name
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var objects = new List<ObjectContent>();
        while (await reader.ReadAsync(cancellation))
        {
            objects.Add(new ObjectContent(
                reader.GetGuid(0),
                reader.GetString(1),
                reader.GetString(2),
                [.. reader.GetFieldValue<string[]>(3).Select(prefix => IPNetwork.Parse(prefix))],
                JsonSerializer.Deserialize<Threshold[]>(reader.GetString(4))!,
                reader.GetInt64(5),
                JsonSerializer.Deserialize<ObjectSettings>(reader.GetString(6), EventCatalog.Json)));
        }

        return objects;
    }
}
