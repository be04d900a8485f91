using System.Text;
using System.Text.Json;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>One exporter and everything it said so far.</summary>
internal sealed class Decoded(DecodeLimits? limits = null)
{
    public static readonly HostAddress Address = HostAddress.FromV4(0xC000_0201);
    public const long ReceivedMs = 1_700_000_000_250;

    private readonly List<FlowRecord> _flows = [];
    private readonly List<JsonElement> _lines = [];

    public ExporterContext Exporter { get; } = new(limits ?? DecodeLimits.Default);

    public IReadOnlyList<FlowRecord> Flows => _flows;

    public FlowRecord Flow => Assert.Single(_flows);

    /// <summary>What <c>decode --options</c> prints, one object a record.</summary>
    public IReadOnlyList<JsonElement> Lines => _lines;

    /// <summary>Without those of records that lack addresses or amounts: tests leave out what they are not about.</summary>
    public IReadOnlyDictionary<DecodeError, long> Errors =>
        Enum.GetValues<DecodeError>()
            .Where(error => error is not (DecodeError.RecordWithoutAddress or DecodeError.RecordWithoutAmount))
            .Where(error => Exporter.Errors[(int)error] > 0)
            .ToDictionary(error => error, error => Exporter.Errors[(int)error]);

    public Decoded Receive(byte[] datagram, long receivedMs = ReceivedMs)
    {
        using var printed = new MemoryStream();
        using var json = new RecordJson(printed, withOptions: true) { Exporter = Address };
        var handler = new Collect(_flows, json);
        FlowDecoder.Decode(datagram, Exporter, receivedMs, ref handler);
        _lines.AddRange(Encoding.UTF8.GetString(printed.ToArray())
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement));
        return this;
    }

    private struct Collect(List<FlowRecord> flows, RecordJson json) : IFlowHandler
    {
        public static bool WantsFields => true;

        public readonly void Flow(in FlowRecord flow)
        {
            flows.Add(flow);
            json.Note(in flow);
        }

        public readonly void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record) =>
            json.Write(in header, template, record);

        public readonly void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet) =>
            json.Write(in header, in sample, packet);
    }
}
