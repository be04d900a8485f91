using System.Net;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Residual;

/// <summary>Query: residual detections, newest first, at most <see cref="Greatest"/>.</summary>
internal sealed class ListResidualDetections(NpgsqlDataSource database)
{
    public const int Greatest = 1000;

    /// <param name="within">Only targets in this prefix; null for all.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    public async Task<IReadOnlyList<Wire.ResidualDetection>> Query(
        IPNetwork? within, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select detected_at, attacked_address::text, volume_bits_per_second, volume_packets_per_second,
                mitigation_result
            from residual.detections
            where $1 is null or attacked_address <<= $1::cidr
            order by detected_at desc
            limit $2
            """);
        query.Parameters.Add(
            new() { Value = (object?)within?.ToString() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        query.Parameters.Add(new() { Value = Greatest });
        var detections = new List<Wire.ResidualDetection>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            detections.Add(new Wire.ResidualDetection
            {
                DetectedAt = Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(0)),
                AttackedAddress = reader.GetString(1),
                VolumeBitsPerSecond = reader.GetInt64(2),
                VolumePacketsPerSecond = reader.GetInt64(3),
                MitigationResult = reader.GetString(4),
            });
        }

        return detections;
    }
}
