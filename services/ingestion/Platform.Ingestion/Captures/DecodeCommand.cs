using System.Globalization;
using System.Text.Json;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>
/// <c>decode [--format json] [--options] [--port N] FILE...</c>: what the decoder makes of captures. Records go to standard output, one JSON object a
/// line; counts go to standard error as one JSON object. All files share one context, so a template of the first serves the second.
/// </summary>
internal static class DecodeCommand
{
    private const string Usage = """
        decode [--format json] [--options] [--port N] FILE...
          FILE         pcap or pcapng (also gzipped), IPFIX messages one after another (RFC 5655), or a file that is one UDP payload;
                       several are read in the order given; - is standard input (not gzipped)
          --format     json: one object per flow record on standard output (the only format)
          --options    also print options data (interface names, samplers), marked with header.options
          --port       only datagrams to this UDP port
        Counts go to standard error: datagrams, templates, records, optionsRecords, errors by reason.
        Fields have their IPFIX (IANA) names; unknown ones are element<ID> or enterprise<PEN>.<ID> in hexadecimal. Instants are numbers in the
        unit of their name since 1970; SysUpTime fields are milliseconds since the exporter started (header.systemUpTimeMilliseconds).
        `counted` is what the platform makes of a record: its instants since 1970, and one packet in how many it stands for, with who said so.

        """;

    private static readonly DecodeLimits Limits = new()
    {
        // A file is finite and patient: data may wait for its template to the end.
        WaitingBytes = 256 * 1024 * 1024,
        WaitingTime = TimeSpan.MaxValue,
        Templates = 65_536,
        Fields = 4_000_000,
    };

    /// <returns>0; 1 when a file cannot be read; 2 when the arguments are wrong.</returns>
    public static int Run(IReadOnlyList<string> arguments, Stream output, TextWriter errors, TimeProvider clock)
    {
        var files = new List<string>();
        var withOptions = false;
        var port = 0;
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--help" or "-h":
                    errors.Write(Usage);
                    return 0;
                case "--options":
                    withOptions = true;
                    break;
                case "--format" when i + 1 < arguments.Count && arguments[i + 1] == "json":
                case "--port" when i + 1 < arguments.Count && TryPort(arguments[i + 1], out port):
                    i++;
                    break;
                case var option when option.StartsWith("--", StringComparison.Ordinal):
                    errors.WriteLine($"decode: '{option}' is not understood here, or its value is missing or wrong.");
                    errors.Write(Usage);
                    return 2;
                case var file:
                    files.Add(file);
                    break;
            }
        }

        if (files.Count == 0)
        {
            errors.Write(Usage);
            return 2;
        }

        using var buffered = new BufferedStream(output, 1 << 16);
        using var json = new RecordJson(buffered, withOptions);
        var summary = new Summary();
        var isWhole = files.TrueForAll(file => TryDecode(file, port, json, summary, errors, clock));
        buffered.Flush();
        foreach (var exporter in summary.Exporters.Values)
        {
            exporter.GiveUpWaiting();
        }

        errors.WriteLine(summary.ToJson());
        return isWhole ? 0 : 1;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65_535;

    private static bool TryDecode(
        string file, int port, RecordJson json, Summary summary, TextWriter errors, TimeProvider clock)
    {
        try
        {
            var handler = new Handler(json);
            var path = file == "-" ? "/dev/stdin" : file;
            var datagrams = CaptureReader.Open(path, clock.GetUtcNow().ToUnixTimeMilliseconds(), out var reader);
            summary.LastReader = reader; // also of a capture without any datagram
            foreach (var datagram in datagrams)
            {
                if (port != 0 && datagram.DestinationPort != 0 && datagram.DestinationPort != port)
                {
                    summary.OtherPackets++;
                    continue;
                }

                if (!summary.Exporters.TryGetValue(datagram.Source, out var exporter))
                {
                    summary.Exporters[datagram.Source] = exporter = new ExporterContext(Limits);
                }

                json.Exporter = datagram.Source;
                FlowDecoder.Decode(datagram.Payload.Span, exporter, datagram.CapturedMs, ref handler);
            }

            return true;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            errors.WriteLine($"decode: {file}: {unreadable.Message}");
            return false;
        }
        finally
        {
            summary.CloseFile(file, errors);
        }
    }

    private struct Handler(RecordJson json) : IFlowHandler
    {
        public static bool WantsFields => true;

        public readonly void Flow(in FlowRecord flow) => json.Note(in flow);

        public readonly void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record) =>
            json.Write(in header, template, record);

        public readonly void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet) =>
            json.Write(in header, in sample, packet);
    }

    private sealed class Summary
    {
        public Dictionary<HostAddress, ExporterContext> Exporters { get; } = [];

        public long OtherPackets { get; set; }

        public CaptureReader? LastReader { get; set; }

        public void CloseFile(string file, TextWriter errors)
        {
            OtherPackets += LastReader?.OtherPackets ?? 0;
            if (LastReader is { IsCut: true })
            {
                errors.WriteLine($"decode: {file}: the capture ends inside a packet; everything before it was read.");
            }

            LastReader = null;
        }

        public string ToJson()
        {
            var all = Exporters.Values;
            var counts = new Dictionary<string, object>
            {
                ["datagrams"] = all.Sum(exporter => exporter.Datagrams),
                ["templates"] = all.Sum(exporter => exporter.TemplatesRead),
                ["templatesWithdrawn"] = all.Sum(exporter => exporter.TemplatesWithdrawn),
                ["optionsTemplates"] = all.Sum(exporter => exporter.OptionsTemplatesRead),
                ["records"] = all.Sum(exporter => exporter.Records),
                ["optionsRecords"] = all.Sum(exporter => exporter.OptionsRecords),
                ["counterSamples"] = all.Sum(exporter => exporter.CounterSamples),
                ["discardedPackets"] = all.Sum(exporter => exporter.DiscardedPackets),
                ["sflowDrops"] = all.Sum(exporter => exporter.SflowDrops),
                ["sequenceGaps"] = all.Sum(exporter => exporter.SequenceGaps),
                ["exporters"] = all.Count,
                ["otherPackets"] = OtherPackets,
                ["errors"] = Enum.GetValues<DecodeError>()
                    .Select(error => (Name: error.ToString(), Count: all.Sum(exporter => exporter.Errors[(int)error])))
                    .Where(error => error.Count > 0)
                    .ToDictionary(error => JsonNamingPolicy.CamelCase.ConvertName(error.Name), error => error.Count),
            };
            return JsonSerializer.Serialize(counts);
        }
    }
}
