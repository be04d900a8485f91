using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Ingestion.Flows;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>Query: registered exporters by name, with what this process decoded of them since its start.</summary>
internal sealed class ListExporters(NpgsqlDataSource database, ExporterRegistry registry)
{
    private const int MostListed = 1000;

    public async Task<IReadOnlyList<Wire.Exporter>> Query(CancellationToken cancellationToken)
    {
        var here = registry.All.ToDictionary(exporter => exporter.ExporterId);
        await using var query = database.CreateCommand("""
            select exporter_id, address, name, silent, last_seen_at, sampling_rate, expected_protocol
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
                SamplingRateSetting = (uint)reader.GetInt64(5),
                ExpectedProtocol = reader.GetString(6),
                LastSeenAt = reader.IsDBNull(4) ? null : Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(4)),
            };
            if (here.TryGetValue(reader.GetGuid(0), out var known))
            {
                Add(exporter, known.Context);
                (exporter.DatagramsPerSecond, exporter.RecordsPerSecond) = known.PerSecond;
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
            exporter.OptionsRecords = (ulong)context.OptionsRecords;
            exporter.CounterSamples = (ulong)context.CounterSamples;
            exporter.DiscardedPackets = (ulong)context.DiscardedPackets;
            exporter.SamplingRate = context.LastRate;
            exporter.SamplingSource = JsonNamingPolicy.KebabCaseLower.ConvertName(context.LastRateSource.ToString());
            exporter.Protocol = context.LastFormat?.ToString().ToLowerInvariant() ?? "";
            exporter.SequenceGaps = (ulong)context.SequenceGaps;
            exporter.ClockSkewMs = context.ClockSkewMs;
            exporter.WaitingSets = (uint)context.WaitingSets;
            exporter.SamplingRates.AddRange(context.Domains
                .SelectMany(domain => domain.Rates.All.Select(rate => new Wire.SamplingRate
                {
                    Domain = domain.Id,
                    Id = rate.Id,
                    OfInterface = rate.Of == SamplingSource.Interface,
                    OfTemplate = rate.Of == SamplingSource.Template,
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
            foreach (var error in System.Enum.GetValues<DecodeError>().Where(error => context.Errors[(int)error] > 0))
            {
                exporter.Errors[JsonNamingPolicy.KebabCaseLower.ConvertName(error.ToString())] = (ulong)context.Errors[(int)error];
            }
        }
    }
}
