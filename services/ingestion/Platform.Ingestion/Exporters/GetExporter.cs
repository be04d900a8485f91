using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Ingestion.Flows;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>Query: one registered exporter with its templates and sampling rates.</summary>
internal sealed class GetExporter(NpgsqlDataSource database, ExporterRegistry registry)
{
    private const int MostListed = 1000;

    /// <returns>Null when no exporter is registered with this address.</returns>
    public async Task<Wire.Exporter?> Query(string address, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand($"select {ExporterRow.Columns} where address = $1");
        query.Parameters.Add(new() { Value = address });
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var exporter = ExporterRow.Read(reader, registry);
        if (registry.ByAddress(address)?.Context is { } context)
        {
            lock (context)
            {
                Add(exporter, context);
            }
        }

        return exporter;
    }

    private static void Add(Wire.Exporter exporter, ExporterContext context)
    {
        exporter.SamplingRates.AddRange(context.Domains
            .SelectMany(domain => domain.Rates.All.Select(rate => new Wire.SamplingRate
            {
                Domain = domain.Id,
                Id = rate.Id,
                OfInterface = rate.Of is SamplingSource.Interface or SamplingSource.EgressInterface,
                OfTemplate = rate.Of == SamplingSource.Template,
                OfLineCard = rate.Of == SamplingSource.LineCard,
                Rate = rate.Rate,
            }))
            .Take(MostListed));
        exporter.Templates.AddRange(context.Domains
            .SelectMany(domain => domain.Templates.Select(template => new Wire.Template
            {
                Domain = domain.Id,
                Id = template.Id,
                Fields = (uint)template.Fields.Length,
                Options = template.IsOptions,
                RecordLength = (uint)template.MinimumLength,
                UsedAt = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(template.UsedMs)),
            }))
            .Take(MostListed));
    }
}
