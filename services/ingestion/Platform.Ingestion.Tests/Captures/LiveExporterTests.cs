using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Captures;

/// <summary>Exporters that others wrote watch real packets on a link and send what they saw over a real socket: what is counted is what was sent.</summary>
public sealed partial class LiveExporterTests
{
    private const string Softflowd = "/usr/sbin/softflowd";
    private const string SoftflowControl = "/usr/sbin/softflowctl";
    private const string Pmacctd = "/usr/sbin/pmacctd";
    private const int Hosts = 20;

    [Theory]
    [InlineData(5, 1)]
    [InlineData(9, 1)]
    [InlineData(10, 1)]
    [InlineData(5, 10)]
    [InlineData(9, 10)]
    [InlineData(10, 10)]
    [Trait("Requirement", "R1")]
    public async Task What_softflowd_exports_is_counted_to_the_packet(int version, int oneIn)
    {
        const int PacketsPerHost = 50;
        await using var inside = await TrafficNamespace.Open(Softflowd, SoftflowControl);
        var control = inside.PathOf("control");
        var exporter = await inside.Start(
            "softflowd",
            _ => File.Exists(control),
            Softflowd, "-d", "-i", "near", "-n", $"127.0.0.1:{TrafficNamespace.Port}", "-v", Text(version), "-s", Text(oneIn), "-C", "160", "-p", inside.PathOf("pid"), "-c", control);

        await inside.Send(Hosts, PacketsPerHost);
        await Eventually.Passes(async () =>
        {
            await inside.Push(packets: 500); // the kernel hands it packets by the thousand
            var processed = Processed().Match(await inside.Run(SoftflowControl, "-c", control, "statistics")).Groups[1].Value;
            Assert.InRange(int.Parse(processed, CultureInfo.InvariantCulture), Hosts * PacketsPerHost / oneIn, int.MaxValue);
        });
        await inside.Run(SoftflowControl, "-c", control, "shutdown"); // sends what it holds
        Assert.NotNull(await exporter.Ended(TimeSpan.FromSeconds(30)));

        var counted = await inside.Counted();
        Assert.Equal((Hosts * PacketsPerHost, Hosts), (Number(counted, "packets"), Number(counted, "matched")));
        Assert.Equal(Hosts * PacketsPerHost * TrafficNamespace.IpLength, Number(counted, "bytes"));
        Assert.Empty(counted.GetProperty("errors").EnumerateObject());
    }

    [Theory]
    [InlineData(1, 50, 0.02)] // one whole run saw 996 of 1,000: the probe left out four
    [InlineData(100, 5000, 0.2)] // a thousand samples: three in a hundred is what chance allows, six times that is wrong
    public async Task What_the_sflow_probe_of_pmacct_sees_on_a_link_is_counted_as_closely_as_its_sampling_allows(int oneIn, int packetsPerHost, double within)
    {
        await using var inside = await TrafficNamespace.Open(Pmacctd);
        var settings = inside.PathOf("pmacctd.conf");
        await File.WriteAllTextAsync(
            settings,
            $"daemonize: false\npcap_interface: near\nsnaplen: 128\nplugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{TrafficNamespace.Port}\nsampling_rate: {oneIn}\n",
            TestContext.Current.CancellationToken);
        await inside.Start("pmacctd", said => said.Contains("link type", StringComparison.Ordinal), Pmacctd, "-f", settings);

        await inside.Send(Hosts, packetsPerHost);
        await Settled(inside);

        var exported = await inside.Exported();
        var counted = await inside.Counted();
        Assert.Equal(0, Number(counted, "kernelDrops"));
        Assert.True(Number(counted, "datagrams") >= exported); // what may be missing, the probe never sent
        var sent = Hosts * packetsPerHost;
        Assert.InRange(Number(counted, "packets"), sent * (1 - within), sent * (1 + within));
        Assert.Equal(Number(counted, "packets") * (TrafficNamespace.IpLength + 18), Number(counted, "bytes")); // whole frames: 14 bytes before the IP packet, 4 behind it
        Assert.Equal(Number(counted, "packets"), Number(counted, "records") * oneIn);
        Assert.Empty(counted.GetProperty("errors").EnumerateObject());
    }

    // The probe sends what it holds at least once a second.
    private static async Task Settled(TrafficNamespace inside)
    {
        for (var (before, now) = (-1L, 0L); now == 0 || now != before;)
        {
            before = now;
            await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
            now = await inside.Exported();
        }
    }

    [GeneratedRegex("Packets processed: ([0-9]+)")]
    private static partial Regex Processed();

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(JsonElement counted, string name) => counted.GetProperty(name).GetInt64();
}
