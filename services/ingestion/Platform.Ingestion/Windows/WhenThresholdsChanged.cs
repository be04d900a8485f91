using MassTransit;
using Npgsql;
using Platform.Contracts.Detection.V1;

namespace Platform.Ingestion.Windows;

/// <summary>Reaction: an object is watched with these prefixes and thresholds, so its hosts are counted, from the highest version only.</summary>
internal sealed class WhenThresholdsChanged(NpgsqlDataSource database, ProtectedObjectsLoader loader) : IConsumer<ThresholdsChanged>
{
    // A tenth of a threshold per second, so that at a tenth of a second's worth of an attack detection hears of it.
    private const long Share = 10;

    public async Task Consume(ConsumeContext<ThresholdsChanged> context)
    {
        var changed = context.Message;
        await using var command = database.CreateCommand("""
            insert into views.protected_objects (object_id, tenant_id, version, prefixes, watch_bytes, watch_packets, retired)
            values ($1, $2, $3, $4, $5, $6, false)
            on conflict (object_id) do update
            set version = excluded.version, prefixes = excluded.prefixes,
                watch_bytes = excluded.watch_bytes, watch_packets = excluded.watch_packets
            where not protected_objects.retired and protected_objects.version < excluded.version
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = changed.ObjectId });
        command.Parameters.Add(new NpgsqlParameter { Value = changed.TenantId });
        command.Parameters.Add(new NpgsqlParameter { Value = changed.Version });
        command.Parameters.Add(new NpgsqlParameter { Value = changed.Prefixes.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = Watch(changed.Thresholds.Min(t => t.BitsPerSecond) / 8) });
        command.Parameters.Add(new NpgsqlParameter { Value = Watch(changed.Thresholds.Min(t => t.PacketsPerSecond)) });
        await command.ExecuteNonQueryAsync(context.CancellationToken);
        await loader.Load(context.CancellationToken);
    }

    private static long Watch(long? perSecond) => perSecond is { } least ? Math.Max(1, least / Share) : long.MaxValue;
}
