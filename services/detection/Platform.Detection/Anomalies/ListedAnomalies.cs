using System.Net;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Threshold = Platform.Detection.ProtectedObjects.Threshold;

namespace Platform.Detection.Anomalies;

/// <summary>Query: anomalies of a tenant, newest first, page by page; or one of them.</summary>
internal static class ListedAnomalies
{
    private const int MostPage = 200;

    private const string Columns =
        """
        anomaly_id, service_code, object_id, target, vectors, peak_bits_per_second, peak_packets_per_second, detected_at, ended_at,
        marked_false_at is not null, coalesce(proposal, '[]'), severity, level, direction, pulses, explanation, marked_false_by, marked_false_reason,
        (select json_agg(p order by share desc, peak_share desc, prefix) from views.anomaly_prefixes_v1 p
            where p.tenant_id = anomalies_v1.tenant_id and p.anomaly_id = anomalies_v1.anomaly_id),
        since, marked_false_at,
        exists (select from views.anomaly_prefixes_v1 p
            where p.tenant_id = anomalies_v1.tenant_id and p.anomaly_id = anomalies_v1.anomaly_id and p.prefix <> anomalies_v1.target),
        (select settings::json -> 'Learning' ->> 'Zone' from views.protected_objects_v1 o
            where o.tenant_id = anomalies_v1.tenant_id and o.object_id = anomalies_v1.object_id)
        """;

    public static async Task<ListAnomaliesResponse> Read(
        NpgsqlDataSource database,
        TenantId tenant,
        bool openOnly,
        PageStart? before,
        int limit,
        CancellationToken cancellation)
    {
        var response = new ListAnomaliesResponse();
        if (tenant == TenantId.Provider)
        {
            return response; // the provider itself is never attacked under a contract
        }

        var size = limit is >= 1 and <= MostPage ? limit : MostPage;
        await using var command = database.CreateCommand(
            $"""
            select {Columns}
            from views.anomalies_v1
            where tenant_id = $1 and (not $2 or ended_at is null) and (detected_at, anomaly_id) < ($3, $4)
            order by detected_at desc, anomaly_id desc
            limit $5
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = openOnly });
        command.Parameters.Add(new() { Value = before?.At ?? PageStart.Newest, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = before?.Id ?? Guid.Empty });
        command.Parameters.Add(new() { Value = size + 1 });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (response.Anomalies.Count == size)
            {
                var last = response.Anomalies[^1];
                response.Next = PageStart.Text(last.DetectedAt.ToDateTimeOffset(), last.AnomalyId);
                break;
            }

            response.Anomalies.Add(Row(reader));
        }

        return response;
    }

    /// <summary>Null when the tenant has no such anomaly.</summary>
    public static async Task<Anomaly?> Find(NpgsqlDataSource database, TenantId tenant, Guid anomalyId, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return null;
        }

        await using var command = database.CreateCommand($"select {Columns} from views.anomalies_v1 where tenant_id = $1 and anomaly_id = $2");
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = anomalyId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? Row(reader) : null;
    }

    private static Anomaly Row(NpgsqlDataReader reader) => new()
    {
        AnomalyId = reader.GetGuid(0).ToString(),
        ServiceCode = reader.GetString(1),
        ObjectId = reader.GetGuid(2).ToString(),
        Target = reader.GetFieldValue<IPNetwork>(3).ToString(),
        Vectors = { reader.GetFieldValue<string[]>(4) },
        PeakBitsPerSecond = reader.GetInt64(5),
        PeakPacketsPerSecond = reader.GetInt64(6),
        DetectedAt = Timestamp.FromDateTime(reader.GetDateTime(7)),
        EndedAt = reader.IsDBNull(8) ? null : Timestamp.FromDateTime(reader.GetDateTime(8)),
        IsMarkedFalse = reader.GetBoolean(9),
        Proposal = { JsonSerializer.Deserialize<Threshold[]>(reader.GetString(10))!.Describe() },
        Severity = reader.IsDBNull(11) ? "" : ((Severity)reader.GetInt16(11)).Name(),
        Level = ((WatchLevel)reader.GetInt16(12)).Name(),
        Direction = ((TrafficDirection)reader.GetInt16(13)).Name(),
        Pulses = reader.GetInt32(14),
        Explanation = reader.IsDBNull(15) ? null : JsonSerializer.Deserialize<Explanation>(reader.GetString(15))!.Describe(),
        MarkedFalseBy = reader.IsDBNull(16) ? "" : reader.GetString(16),
        MarkedFalseReason = reader.IsDBNull(17) ? "" : reader.GetString(17),
        Prefixes = { reader.IsDBNull(18) ? [] : JsonSerializer.Deserialize<PrefixRow[]>(reader.GetString(18), PrefixRow.Names)!.Select(row => row.Describe()) },
        ProposalBounds = reader.IsDBNull(20) ? null : ObjectWire.Bounds(
            KnownAnomaly.TargetOf(reader.GetFieldValue<IPNetwork>(3), (WatchLevel)reader.GetInt16(12), reader.GetBoolean(21)),
            reader.GetFieldValue<DateTimeOffset>(19),
            KnownAnomaly.SeenUntil(reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8), reader.GetFieldValue<DateTimeOffset>(20)),
            reader.IsDBNull(22) ? LearningSettings.Default.Zone : reader.GetString(22)),
    };

    private sealed record PrefixRow(string Prefix, double Share, double PeakShare, DateTimeOffset Since)
    {
        public static readonly JsonSerializerOptions Names = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

        public AttackedPrefix Describe() => new() { Prefix = Prefix, Share = Share, PeakShare = PeakShare, Since = Timestamp.FromDateTimeOffset(Since) };
    }
}
