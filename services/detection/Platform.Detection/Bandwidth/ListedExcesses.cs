using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>Query: excesses of a tenant, newest first.</summary>
internal static class ListedExcesses
{
    private const int Limit = 200;

    public static async Task<IReadOnlyList<BandwidthExcess>> Read(NpgsqlDataSource database, TenantId tenant, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return []; // the provider itself has no contract
        }

        await using var command = database.CreateCommand(
            $"""
            select object_id, service_code, declared_bits_per_second, peak_bits_per_second, since, until
            from views.bandwidth_excesses_v1 where tenant_id = $1 order by since desc, object_id limit {Limit}
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var excesses = new List<BandwidthExcess>();
        while (await reader.ReadAsync(cancellation))
        {
            excesses.Add(new BandwidthExcess
            {
                ObjectId = reader.GetGuid(0).ToString(),
                ServiceCode = reader.GetString(1),
                DeclaredBitsPerSecond = reader.GetInt64(2),
                PeakBitsPerSecond = reader.GetInt64(3),
                Since = Timestamp.FromDateTime(reader.GetDateTime(4)),
                Until = await reader.IsDBNullAsync(5, cancellation) ? null : Timestamp.FromDateTime(reader.GetDateTime(5)),
            });
        }

        return excesses;
    }
}
