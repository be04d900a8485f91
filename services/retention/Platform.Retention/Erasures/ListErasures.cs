using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Erasures;

/// <summary>Query: erasures, those still open first, next due first; at most <see cref="Greatest"/>.</summary>
internal sealed class ListErasures(NpgsqlDataSource database)
{
    public const int Greatest = 1000;

    /// <param name="serviceCode">Empty for all.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    public async Task<IReadOnlyList<Wire.Erasure>> Query(string serviceCode, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select erasure_id, tenant_id, service_code, status, terminated_at, due_at, certified_at,
                array(select owner from unnest(owners) as owner where owner <> all (confirmed) order by owner), counts
            from views.erasures
            where $1 = '' or service_code = $1
            order by certified_at is not null, due_at, erasure_id
            limit $2
            """);
        query.Parameters.Add(new NpgsqlParameter { Value = serviceCode });
        query.Parameters.Add(new NpgsqlParameter { Value = Greatest });
        var erasures = new List<Wire.Erasure>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var erasure = new Wire.Erasure
            {
                ErasureId = reader.GetGuid(0).ToString("D"),
                TenantId = reader.GetGuid(1).ToString("D"),
                ServiceCode = reader.GetString(2),
                Status = reader.GetString(3),
                TerminatedAt = Instant(4),
                DueAt = Instant(5),
                CertifiedAt = reader.IsDBNull(6) ? null : Instant(6),
            };
            erasure.WaitingFor.AddRange(reader.GetFieldValue<string[]>(7));
            erasure.Counts.Add(JsonSerializer.Deserialize<Dictionary<string, long>>(reader.GetString(8))!);
            erasures.Add(erasure);
        }

        return erasures;

        Timestamp Instant(int column) => Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(column));
    }
}
