using System.Net;
using System.Text.Json;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Captures;

/// <summary>Real floods seen by a real exporter (<c>tests/captures</c>), against what was counted apart from the exporter.</summary>
public sealed class RecordedFloodTests
{
    private const string Victim = "203.0.113.10";

    [Theory]
    [InlineData("attack-udp-v9")]
    [InlineData("attack-syn-ipfix")]
    [InlineData("attack-icmp-v5")]
    [InlineData("attack-syn-sampled-v9")]
    [InlineData("normal-v9")]
    [Trait("Requirement", "R1")]
    public void The_windows_of_the_victim_add_up_to_what_was_exported_and_no_second_is_a_false_spike(string name)
    {
        var described = JsonDocument.Parse(File.ReadAllText(Repository.Path("tests", "captures", $"{name}.json"))).RootElement;
        var sampling = described.GetProperty("sampling").GetInt64();

        var (windows, lateBytes) = Replay(Repository.Path("tests", "captures", $"{name}.pcap"));

        Assert.Equal(Exported(described, "bytes") * sampling, windows.Sum(window => (long)window.Total.Bytes));
        Assert.Equal(Exported(described, "packets") * sampling, windows.Sum(window => (long)window.Total.Packets));
        Assert.Equal(0ul, lateBytes);
        if (described.TryGetProperty("attack", out var attack) && attack.ValueKind is JsonValueKind.Object)
        {
            // All flows come together every two seconds; counted in the second of arrival they would be twice the true rate.
            var busiest = windows.GroupBy(window => window.Second).Max(second => second.Sum(window => (long)window.Total.Packets));
            Assert.InRange(busiest, attack.GetProperty("packets_per_second").GetInt64() / 2, attack.GetProperty("packets_per_second").GetInt64() * 3 / 2);
        }
    }

    private static long Exported(JsonElement described, string amount) => described.GetProperty("exported").EnumerateObject()
        .Where(kind => kind.Name is "attack" || kind.Name.StartsWith("target_", StringComparison.Ordinal))
        .Sum(kind => kind.Value.GetProperty(amount).GetInt64());

    private static (List<HostWindow> Windows, ulong LateBytes) Replay(string capture)
    {
        var watched = new ProtectedObject(
            AnIngestionService.Shop, AnIngestionService.Acme, 1, [IPNetwork.Parse($"{Victim}/32")], ulong.MaxValue, ulong.MaxValue);
        var counter = new WindowCounter(new ProtectedObjects { Current = new ProtectedView([watched]) }, reachSeconds: 10, rowLimit: 100_000);
        var exporter = new ExporterContext(DecodeLimits.Default);
        var encoder = new WindowEncoder("test");
        var handler = new Counting(counter);
        var windows = new List<HostWindow>();
        foreach (var datagram in CaptureReader.Open(capture, 0, out _))
        {
            if (counter.OpenedMs != 0 && datagram.CapturedMs / 1000 != counter.OpenedMs / 1000)
            {
                Take();
            }

            counter.At(datagram.CapturedMs);
            FlowDecoder.Decode(datagram.Payload.Span, exporter, datagram.CapturedMs, ref handler);
        }

        Take();
        Assert.Equal(0, exporter.Errors.Sum());
        return (windows, counter.Totals.LateBytes);

        void Take() => windows.AddRange(counter.Take() is { } filled
            ? encoder.Encode(filled).SelectMany(message => TrafficWindowBatch.Parser.ParseFrom(message.Body).Windows)
            : []);
    }

    private readonly struct Counting(WindowCounter counter) : IFlowHandler
    {
        public static bool WantsFields => false;

        public void Flow(in FlowRecord flow) => counter.Add(in flow);

        public void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
        {
        }

        public void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
        {
        }
    }
}
