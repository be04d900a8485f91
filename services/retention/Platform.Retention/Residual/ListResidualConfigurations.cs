using System.Net;
using Npgsql;
using NpgsqlTypes;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Residual;

/// <summary>Query: residual configurations, highest version first, at most <see cref="Greatest"/>.</summary>
internal sealed class ListResidualConfigurations(NpgsqlDataSource database)
{
    public const int Greatest = 1000;

    /// <param name="touching">Only those with a prefix that overlaps this one; null for all.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    public async Task<IReadOnlyList<Wire.ResidualConfiguration>> Query(
        IPNetwork? touching, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select prefixes::text[], thresholds::text, version
            from residual.configurations
            where $1 is null or exists (select from unnest(prefixes) as prefix where prefix && $1::cidr)
            order by version desc, prefixes
            limit $2
            """);
        query.Parameters.Add(
            new() { Value = (object?)touching?.ToString() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        query.Parameters.Add(new() { Value = Greatest });
        var configurations = new List<Wire.ResidualConfiguration>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var configuration = new Wire.ResidualConfiguration
            {
                Thresholds = reader.GetString(1),
                Version = reader.GetInt64(2),
            };
            configuration.Prefixes.AddRange(reader.GetFieldValue<string[]>(0));
            configurations.Add(configuration);
        }

        return configurations;
    }
}
