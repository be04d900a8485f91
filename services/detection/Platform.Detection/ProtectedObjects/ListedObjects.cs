using System.Text.Json;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Query: the objects of a tenant that are watched, by service code and name.</summary>
internal static class ListedObjects
{
    public static async Task<IReadOnlyList<ProtectedObject>> Read(
        NpgsqlDataSource database, TenantId tenant, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return []; // the provider itself has no contract
        }

        await using var command = database.CreateCommand(
            """
            select object_id, service_code, name, prefixes, thresholds, version
            from views.protected_objects_v1
            where tenant_id = $1 and retired_at is null
            order by service_code, name
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var objects = new List<ProtectedObject>();
        while (await reader.ReadAsync(cancellation))
        {
            var thresholds = JsonSerializer.Deserialize<Threshold[]>(reader.GetString(4))!;
            objects.Add(new ProtectedObject
            {
                ObjectId = reader.GetGuid(0).ToString(),
                ServiceCode = reader.GetString(1),
                Name = reader.GetString(2),
                Prefixes = { reader.GetFieldValue<string[]>(3) },
                Thresholds = { thresholds.Where(threshold => threshold.IsOfHosts).Select(Describe) },
                Version = reader.GetInt64(5),
            });
        }

        return objects;
    }

    private static Contracts.Grpc.Detection.V1.Threshold Describe(Threshold threshold) => new()
    {
        Vector = threshold.Vector.Name(),
        BitsPerSecond = threshold.BitsPerSecond ?? 0,
        PacketsPerSecond = threshold.PacketsPerSecond ?? 0,
    };
}
