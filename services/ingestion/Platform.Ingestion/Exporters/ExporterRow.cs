using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Ingestion.Flows;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>A registered exporter as a row of the view, with what this process decoded of it since its start.</summary>
internal static class ExporterRow
{
    public const string Columns = """
        exporter_id, address, name, silent, last_seen_at, sampling_rate, expected_protocol
        from views.exporters left join views.exporter_sightings using (exporter_id)
        """;

    public static Wire.Exporter Read(NpgsqlDataReader reader, ExporterRegistry registry)
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
        if (registry.ByAddress(exporter.Address) is { } known && known.ExporterId == reader.GetGuid(0))
        {
            exporter.CountedBy = known.LastSeenMs > 0 ? Environment.MachineName : "";
            (exporter.DatagramsPerSecond, exporter.RecordsPerSecond) = known.PerSecond;
            lock (known.Context)
            {
                Add(exporter, known.Context);
            }
        }

        return exporter;
    }

    private static void Add(Wire.Exporter exporter, ExporterContext context)
    {
        exporter.Datagrams = (ulong)context.Datagrams;
        exporter.Records = (ulong)context.Records;
        exporter.OptionsRecords = (ulong)context.OptionsRecords;
        exporter.CounterSamples = (ulong)context.CounterSamples;
        exporter.DiscardedPackets = (ulong)context.DiscardedPackets;
        exporter.SamplingRate = context.LastRate;
        exporter.SamplingSource = Kebab(context.LastRateSource.ToString());
        exporter.Protocol = context.LastFormat?.ToString().ToLowerInvariant() ?? "";
        exporter.SequenceGaps = (ulong)context.SequenceGaps;
        exporter.NumbersRecords = context.NumbersRecords;
        exporter.ClockSkewMs = context.ClockSkewMs;
        exporter.WaitingSets = (uint)context.WaitingSets;
        exporter.TemplateCount = (uint)context.TemplatesKept;
        exporter.SamplingRateCount = (uint)context.Domains.Sum(domain => domain.Rates.Count);
        foreach (var error in System.Enum.GetValues<DecodeError>().Where(error => context.Errors[(int)error] > 0))
        {
            exporter.Errors[Kebab(error.ToString())] = (ulong)context.Errors[(int)error];
        }
    }

    private static string Kebab(string name) => JsonNamingPolicy.KebabCaseLower.ConvertName(name);
}
