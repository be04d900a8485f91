using System.Text.Json;
using System.Text.RegularExpressions;
using Platform.Ingestion.Captures;

namespace Platform.Ingestion.Tests.Captures;

/// <summary>Datagrams of real exporters with the values that another collector read from them, kept beside the repository (MIT licence there).</summary>
public sealed partial class SharedVectorTests
{
    private static readonly (string Theirs, string[] Ours)[] Fields =
    [
        ("src", ["sourceIPv4Address", "sourceIPv6Address"]),
        ("dst", ["destinationIPv4Address", "destinationIPv6Address"]),
        ("src_port", ["sourceTransportPort"]),
        ("dst_port", ["destinationTransportPort"]),
        ("in_bytes", ["octetDeltaCount"]),
        ("in_packets", ["packetDeltaCount"]),
        ("in_total_bytes", ["octetTotalCount"]),
        ("l2_bytes", ["dataLinkFrameSize"]),
        ("flow_start_ms", ["flowStartMilliseconds"]),
        ("flow_end_ms", ["flowEndMilliseconds"]),
        ("first_switched", ["flowStartSysUpTime"]),
        ("last_switched", ["flowEndSysUpTime"]),
        ("in_snmp", ["ingressInterface"]),
        ("out_snmp", ["egressInterface"]),
        ("bgp_src_as", ["bgpSourceAsNumber"]),
        ("bgp_dst_as", ["bgpDestinationAsNumber"]),
        ("in_src_mac", ["sourceMacAddress"]),
        ("app_id", ["applicationId"]),
        ("app_name", ["applicationName"]),
        ("app_desc", ["applicationDescription"]),
        ("interface", ["interfaceName"]),
        ("sampling_interval", ["samplingInterval"]),
        ("ttl", ["ipTTL"]),
        ("type_6871_40", ["enterprise6871.40"]),
        ("type_35632_127", ["enterprise35632.127"]),
    ];

    [Theory]
    [InlineData("ipfix_example")]
    [InlineData("ipfix_options")]
    [InlineData("ipfix_pen_35632")]
    [InlineData("issue_13305")]
    [InlineData("issue_14370")]
    [InlineData("netflow_v5_example")]
    [InlineData("netflow_v9_example")]
    [InlineData("netflow_v9_options")]
    [InlineData("sflow_issue_15375")]
    [InlineData("sflow_issue_15918")]
    [InlineData("sflow_issue_18876")]
    [InlineData("sflow_v5_example")]
    public void A_sample_decodes_to_what_its_source_states(string name)
    {
        var folder = Path.Combine(Shared(), "vectors", "telegraf", name);
        Assert.SkipUnless(Directory.Exists(folder), $"{folder} is not here: set PLATFORM_SHARED to the folder that has vectors/.");
        using var output = new MemoryStream();
        using var errors = new StringWriter();
        var files = Directory.GetFiles(folder, "*.bin").Order(StringComparer.Ordinal);

        Assert.Equal(0, DecodeCommand.Run(["--options", .. files], output, errors, TimeProvider.System));

        var ours = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var theirs = File.ReadAllLines(Path.Combine(folder, "expected.out")).Where(line => line.Length > 0)
            .Select(Parse)
            .Where(record => !record.ContainsKey("interface_type")) // a counter sample: we count those
            .ToList();
        Assert.Equal(theirs.Count, ours.Count);
        foreach (var (their, our) in theirs.Zip(ours))
        {
            var stated = Fields.Where(field => their.ContainsKey(field.Theirs)).ToList();
            Assert.Equal(stated.Select(field => (field.Theirs, their[field.Theirs])), stated.Select(field => (field.Theirs, ValueOf(our, field.Ours))));
        }
    }

    private static string ValueOf(JsonElement record, string[] names) =>
        string.Join(' ', names.Where(name => record.TryGetProperty(name, out _)).Select(name => record.GetProperty(name).ToString()));

    private static Dictionary<string, string> Parse(string line)
    {
        var record = Field().Matches(line[line.IndexOf(' ')..])
            .ToDictionary(match => match.Groups["name"].Value, match => match.Groups["text"].Success
                ? match.Groups["text"].Value
                : match.Groups["number"].Value);
        // Where the source is known to be off: a v5 header is no field, a system scope is no counter, an egress sample's interfaces are swapped.
        string[] off = [
            .. record.GetValueOrDefault("sampling_interval") == "0" ? ["sampling_interval"] : Array.Empty<string>(),
            .. record.ContainsKey("interface_desc") ? ["in_bytes"] : Array.Empty<string>(),
            .. record.ContainsKey("l2_bytes") ? ["in_snmp", "out_snmp"] : Array.Empty<string>(),
        ];
        Array.ForEach(off, field => record.Remove(field));

        return record;
    }

    // The environment names the folder; else it lies beside the repository.
    private static string Shared()
    {
        if (Environment.GetEnvironmentVariables()["PLATFORM_SHARED"] is string set)
        {
            return set;
        }

        var root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "global.json")))
        {
            root = Path.GetDirectoryName(root);
        }

        return Path.GetFullPath(Path.Combine(root ?? ".", "..", "shared"));
    }

    [GeneratedRegex("""(?<name>[a-z0-9_]+)=(?:"(?<text>[^"]*)"|(?<number>-?[0-9.]+)[ui]?)""")]
    private static partial Regex Field();
}
