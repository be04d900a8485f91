using MassTransit;
using Npgsql;
using Platform.Contracts.Detection.V1;

namespace Platform.Ingestion.Windows;

/// <summary>Reaction: an object is no longer watched, so its hosts are no longer counted. Final: an older version that comes later does not bring it back.</summary>
internal sealed class WhenProtectedObjectRetired(NpgsqlDataSource database, ProtectedObjectsLoader loader) : IConsumer<ProtectedObjectRetired>
{
    public async Task Consume(ConsumeContext<ProtectedObjectRetired> context)
    {
        await using var command = database.CreateCommand("""
            insert into views.protected_objects (object_id, tenant_id, version, prefixes, watch_bytes, watch_packets, retired)
            values ($1, $2, 0, '{}', 0, 0, true)
            on conflict (object_id) do update set retired = true, prefixes = '{}'
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = context.Message.ObjectId });
        command.Parameters.Add(new NpgsqlParameter { Value = context.Message.TenantId });
        await command.ExecuteNonQueryAsync(context.CancellationToken);
        await loader.Load(context.CancellationToken);
    }
}
