using System.Net;
using Npgsql;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>Query: where an anomaly's stream is, and what it proposes once it was marked false.</summary>
internal static class AnomalyProposals
{
    /// <summary>The calendar of an object.</summary>
    public static async Task<string> ZoneOf(NpgsqlDataSource database, TenantId tenant, Guid objectId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select settings::json -> 'Learning' ->> 'Zone' from views.protected_objects_v1 where tenant_id = $1 and object_id = $2");
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = objectId });
        return await command.ExecuteScalarAsync(cancellation) as string ?? LearningSettings.Default.Zone;
    }

    /// <summary>Key of the target's stream; null when the tenant has no such anomaly.</summary>
    public static async Task<string?> KeyOf(NpgsqlDataSource database, TenantId tenant, Guid anomalyId, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return null;
        }

        await using var command = database.CreateCommand(
            "select object_id, target, direction, level from views.anomalies_v1 where tenant_id = $1 and anomaly_id = $2");
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = anomalyId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? AnomalyState.KeyOf(
                reader.GetGuid(0), reader.GetFieldValue<IPNetwork>(1), (TrafficDirection)reader.GetInt16(2), (WatchLevel)reader.GetInt16(3))
            : null;
    }

    /// <summary>The object, and what was proposed when the anomaly was marked false, with its bounds; null unless it was.</summary>
    public static async Task<(Guid ObjectId, MarkedFloor Mark)?> Find(
        NpgsqlDataSource database, TenantSession session, Guid anomalyId, CancellationToken cancellation)
    {
        if (await KeyOf(database, session.Tenant, anomalyId, cancellation) is not { } key)
        {
            return null;
        }

        var (anomaly, _) = await session.Load(KnownAnomaly.Stream(anomalyId), key, cancellation);
        return anomaly.Mark() is { } mark ? (anomaly.Subject!.ObjectId, mark) : null;
    }
}
