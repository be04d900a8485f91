using System.Net;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Threshold = Platform.Detection.ProtectedObjects.Threshold;

namespace Platform.Detection.Anomalies;

/// <summary>Query: anomalies of a tenant, newest first.</summary>
internal static class ListedAnomalies
{
    private const int Limit = 200;

    public static async Task<IReadOnlyList<Anomaly>> Read(
        NpgsqlDataSource database, TenantId tenant, bool openOnly, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return []; // the provider itself is never attacked under a contract
        }

        await using var command = database.CreateCommand(
            $"""
            select anomaly_id, service_code, object_id, target, vectors, peak_bits_per_second, peak_packets_per_second,
                detected_at, ended_at, marked_false_at is not null, coalesce(proposal, '[]')
            from views.anomalies_v1
            where tenant_id = $1 and (not $2 or ended_at is null)
            order by detected_at desc
            limit {Limit}
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = openOnly });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var anomalies = new List<Anomaly>();
        while (await reader.ReadAsync(cancellation))
        {
            anomalies.Add(new Anomaly
            {
                AnomalyId = reader.GetGuid(0).ToString(),
                ServiceCode = reader.GetString(1),
                ObjectId = reader.GetGuid(2).ToString(),
                Target = reader.GetFieldValue<IPNetwork>(3).ToString(),
                Vectors = { reader.GetFieldValue<string[]>(4) },
                PeakBitsPerSecond = reader.GetInt64(5),
                PeakPacketsPerSecond = reader.GetInt64(6),
                DetectedAt = Timestamp.FromDateTime(reader.GetDateTime(7)),
                EndedAt = await reader.IsDBNullAsync(8, cancellation) ? null : Timestamp.FromDateTime(reader.GetDateTime(8)),
                IsMarkedFalse = reader.GetBoolean(9),
                Proposal = { JsonSerializer.Deserialize<Threshold[]>(reader.GetString(10))!.Describe() },
            });
        }

        return anomalies;
    }
}
