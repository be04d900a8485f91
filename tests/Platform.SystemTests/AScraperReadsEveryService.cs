using System.Globalization;
using System.Text.Json;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>Debian's Prometheus as the scraper of the running suite: what it reads is well formed, approved, and what the alerts are made of.</summary>
public sealed class AScraperReadsEveryService(Suite suite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_service_answers_metrics_that_promtool_finds_nothing_wrong_with()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/promtool"), "promtool is not here (Debian package prometheus).");
        using var folder = new TemporaryFolder("promtool");
        using var http = new HttpClient(new SocketsHttpHandler());
        foreach (var (service, health) in Targets())
        {
            var file = Path.Combine(folder.FullName, service);
            await File.WriteAllTextAsync(file, await http.GetStringAsync(new Uri($"http://{health}/metrics"), Cancellation), Cancellation);
            Assert.Equal("", await Command.Run(["sh", "-c", "promtool check metrics <\"$1\" 2>&1", "sh", file], cancellationToken: Cancellation));
        }
    }

    [Fact]
    public async Task Prometheus_reads_approved_metrics_of_each_service_and_takes_every_alert()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prometheus"), "Prometheus is not here (Debian package prometheus).");
        using var customer = await suite.ACustomer();
        await customer.SuffersAnAttack(); // what is counted only then is there too
        using var folder = new TemporaryFolder("prometheus");
        await using var prometheus = await Prometheus(folder);
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = prometheus.Api };

        await Eventually.Get(
            async () => (await Query(http, "up == 1")).Select(series => series.GetProperty("job").GetString()).Order().ToArray(),
            jobs => jobs.SequenceEqual(Targets().Select(target => target.Service).Order()),
            TimeSpan.FromSeconds(60),
            "every service's scrape");

        var approved = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt"))
            .Select(line => line.Split(' ') is [var name, "histogram"] ? name + "_count" : line.Split(' ')[0]).ToHashSet();
        string[] ofAnAttack =
        [
            "platform_detection_latency_seconds_count",
            "platform_reporting_route_delay_seconds_count",
            "platform_reporting_report_delay_seconds_count",
            "platform_ingestion_records_total",
        ];
        var read = await Eventually.Get(
            async () => (await Query(http, "{job=~\".+\",__name__!~\".+_(bucket|sum)|up|scrape_.+|ALERTS.*\"}")) // those that are left out are Prometheus' own
                .Select(series => series.GetProperty("__name__").GetString()!).Distinct().ToArray(),
            names => ofAnAttack.All(names.Contains),
            TimeSpan.FromSeconds(60),
            "the metrics that an attack leaves");
        Assert.Equal("", string.Join('\n', read.Where(name => !approved.Contains(name)).Order(StringComparer.Ordinal)));

        // What the alerts are tested with is what services answer.
        var ofAlerts = (await Query(http, "{__name__=~\"(platform|http)_.+\"}"))
            .Select(series => (Metric: series.GetProperty("__name__").GetString()!, Labels: series.EnumerateObject().Select(label => label.Name)))
            .Where(series => MetricLabels.Has(series.Metric)).ToArray();
        Assert.Empty(ofAlerts.Select(series => MetricLabels.Fault(series.Metric, series.Labels)).OfType<string>().Distinct());
        Assert.Contains(ofAlerts, series => series.Metric == "platform_ingestion_rows_dropped_total");

        var rules = (await Get(http, "api/v1/rules")).GetProperty("groups").EnumerateArray().SelectMany(group => group.GetProperty("rules").EnumerateArray());
        await Eventually.True(
            async () => (await Get(http, "api/v1/rules")).GetProperty("groups").EnumerateArray()
                .SelectMany(group => group.GetProperty("rules").EnumerateArray()).All(rule => rule.GetProperty("health").GetString() == "ok"));
        Assert.NotEmpty(rules);
    }

    private IEnumerable<(string Service, string Health)> Targets() =>
        suite.Stack.Services.Keys.Select(service => (service, string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{suite.Stack.Ports[$"{service}-health"]}")));

    private async Task<Scraper> Prometheus(TemporaryFolder folder)
    {
        var port = Loopback.FreePort();
        var jobs = Targets().Select(target => $"  - {{job_name: {target.Service}, static_configs: [{{targets: ['{target.Health}']}}]}}");
        var configuration = Path.Combine(folder.FullName, "prometheus.yml");
        await File.WriteAllLinesAsync(
            configuration,
            [
                "global: {scrape_interval: 1s, evaluation_interval: 1s}",
                $"rule_files: [{Repository.Path("charts", "platform", "files", "alerts.yaml")}]",
                "scrape_configs:", .. jobs,
            ],
            Cancellation);
        var process = ServerProcess.Start(
            "prometheus",
            Path.Combine(folder.FullName, "log"),
            [
                "prometheus", $"--config.file={configuration}", $"--storage.tsdb.path={Path.Combine(folder.FullName, "data")}",
                $"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            ]);
        await process.Ready(token => Loopback.Answers("127.0.0.1", port, token), TimeSpan.FromSeconds(20));
        return new(process, new($"http://127.0.0.1:{port}"));
    }

    private static async Task<IReadOnlyList<JsonElement>> Query(HttpClient http, string expression) =>
        [.. (await Get(http, $"api/v1/query?query={Uri.EscapeDataString(expression)}")).GetProperty("result").EnumerateArray().Select(series => series.GetProperty("metric"))];

    private static async Task<JsonElement> Get(HttpClient http, string path) =>
        JsonSerializer.Deserialize<JsonElement>(await http.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation)).GetProperty("data");

    private sealed record Scraper(ServerProcess Process, Uri Api) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Process.DisposeAsync();
    }
}
