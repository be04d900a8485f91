using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Ingestion.Flows;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>Query: registered exporters by name, with what this process decoded of them since its start.</summary>
internal sealed class ListExporters(NpgsqlDataSource database, ExporterRegistry registry)
{
    public async Task<IReadOnlyList<Wire.Exporter>> Query(CancellationToken cancellationToken)
    {
        var here = registry.All.ToDictionary(exporter => exporter.ExporterId);
        await using var query = database.CreateCommand("""
            select exporter_id, address, name, silent, last_seen_at
            from views.exporters left join views.exporter_sightings using (exporter_id)
            order by name, address
            """);
        var exporters = new List<Wire.Exporter>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var exporter = new Wire.Exporter
            {
                ExporterId = reader.GetGuid(0).ToString("D"),
                Address = reader.GetString(1),
                Name = reader.GetString(2),
                Silent = reader.GetBoolean(3),
                LastSeenAt = reader.IsDBNull(4) ? null : Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(4)),
            };
            if (here.TryGetValue(reader.GetGuid(0), out var known))
            {
                Add(exporter, known.Context);
            }

            exporters.Add(exporter);
        }

        return exporters;
    }

    private static void Add(Wire.Exporter exporter, ExporterContext context)
    {
        lock (context)
        {
            exporter.Datagrams = (ulong)context.Datagrams;
            exporter.Records = (ulong)context.Records;
            exporter.SamplingRate = context.LastRate;
            foreach (var error in System.Enum.GetValues<DecodeError>().Where(error => context.Errors[(int)error] > 0))
            {
                exporter.Errors[JsonNamingPolicy.KebabCaseLower.ConvertName(error.ToString())] = (ulong)context.Errors[(int)error];
            }
        }
    }
}
