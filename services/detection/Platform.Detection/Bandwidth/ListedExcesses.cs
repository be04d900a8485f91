using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>Query: excesses of a tenant, newest first, page by page.</summary>
internal static class ListedExcesses
{
    private const int MostPage = 200;

    public static async Task<ListBandwidthExcessesResponse> Read(
        NpgsqlDataSource database, TenantId tenant, PageStart? before, int limit, CancellationToken cancellation)
    {
        var response = new ListBandwidthExcessesResponse();
        if (tenant == TenantId.Provider)
        {
            return response; // the provider itself has no contract
        }

        var size = limit is >= 1 and <= MostPage ? limit : MostPage;
        await using var command = database.CreateCommand(
            """
            select object_id, service_code, declared_bits_per_second, peak_bits_per_second, since, until
            from views.bandwidth_excesses_v1
            where tenant_id = $1 and (since, object_id) < ($2, $3)
            order by since desc, object_id desc
            limit $4
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = before?.At ?? PageStart.Newest, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = before?.Id ?? Guid.Empty });
        command.Parameters.Add(new() { Value = size + 1 });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (response.Excesses.Count == size)
            {
                var last = response.Excesses[^1];
                response.Next = PageStart.Text(last.Since.ToDateTimeOffset(), last.ObjectId);
                break;
            }

            response.Excesses.Add(new BandwidthExcess
            {
                ObjectId = reader.GetGuid(0).ToString(),
                ServiceCode = reader.GetString(1),
                DeclaredBitsPerSecond = reader.GetInt64(2),
                PeakBitsPerSecond = reader.GetInt64(3),
                Since = Timestamp.FromDateTime(reader.GetDateTime(4)),
                Until = await reader.IsDBNullAsync(5, cancellation) ? null : Timestamp.FromDateTime(reader.GetDateTime(5)),
            });
        }

        return response;
    }
}
