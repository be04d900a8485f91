using System.Text.Json;
using System.Text.RegularExpressions;
using Platform.Testing;
using YamlDotNet.Serialization;

namespace Platform.ChartTests;

/// <summary>Alerts and dashboards speak of metrics that exist, and each alert says what to do.</summary>
public sealed partial class ObservabilityTests
{
    private static readonly string Files = Repository.Path("charts", "platform", "files");

    [Fact]
    public void Every_alert_has_a_runbook_with_meaning_check_and_act()
    {
        foreach (var (name, runbook) in Alerts().Select(a => (a.Text("alert"), a.Text("annotations", "runbook"))))
        {
            Assert.True(File.Exists(Repository.Path(runbook)), $"{name}: {runbook} is not there");
            Assert.Equal(["Meaning", "Check", "Act"], Heading().Matches(File.ReadAllText(Repository.Path(runbook))).Select(m => m.Groups[1].Value));
        }
    }

    [Fact]
    public void No_runbook_is_left_without_its_alert() => Assert.Equal(
        Alerts().Select(a => Path.GetFileName(a.Text("annotations", "runbook"))).Distinct().Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Repository.Path("docs", "runbooks"), "*.md").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));

    /// <summary>metrics.txt is what running services answered at /metrics; `./platform test cluster` compares it with theirs.</summary>
    [Fact]
    public void Alerts_and_dashboards_name_only_metrics_that_services_have()
    {
        var known = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt")).Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        var named = Alerts().Select(a => a.Text("expr")).Concat(Dashboards()).SelectMany(e => Metric().Matches(e).Select(m => Base().Replace(m.Value, "")));
        Assert.Empty(named.Where(name => !known.Contains(name)).Distinct());
    }

    [Fact]
    public void Runbooks_and_docs_name_only_metrics_that_services_have()
    {
        var known = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt")).Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        var named = Directory.EnumerateFiles(Repository.Path("docs"), "*.md", SearchOption.AllDirectories)
            .SelectMany(file => Quoted().Matches(File.ReadAllText(file)).Select(m => Base().Replace(m.Groups["metric"].Value, ""))).ToArray();
        Assert.NotEmpty(named);
        Assert.Empty(named.Where(name => !known.Contains(name)).Distinct());
    }

    /// <summary>Prometheus' own program reads the alerts, and plays series to them (<c>alerts.test.yaml</c>): each wakes when it should and sleeps else.</summary>
    [Fact]
    public async Task Each_alert_wakes_and_sleeps_when_it_should()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/promtool"), "promtool is not here (Debian package prometheus).");
        var tests = Repository.Path("tests", "Platform.ChartTests", "alerts.test.yaml");
        var said = await Command.Run(["promtool", "check", "rules", Path.Combine(Files, "alerts.yaml")], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains($"{Alerts().Count()} rules found", said, StringComparison.Ordinal);
        await Command.Run(["promtool", "test", "rules", tests], cancellationToken: TestContext.Current.CancellationToken);

        var cases = Yaml(tests).List("tests").SelectMany(test => test.List("alert_rule_test")).ToLookup(it => it.Text("alertname"), it => it.List("exp_alerts").Any());
        foreach (var name in Alerts().Select(a => a.Text("alert")))
        {
            Assert.Equal([false, true], cases[name].Distinct().Order()); // both cases are there
        }
    }

    /// <summary>Of our own metrics; <c>AScraperReadsEveryService</c> compares the same list with what services answer.</summary>
    [Fact]
    public void The_tests_of_alerts_use_the_labels_that_services_give()
    {
        var series = Yaml(Repository.Path("tests", "Platform.ChartTests", "alerts.test.yaml")).List("tests").SelectMany(test => test.List("input_series"))
            .Select(input => Series().Match(input.Text("series"))).Where(m => m.Groups["metric"].Value.StartsWith("platform_", StringComparison.Ordinal)
                || m.Groups["metric"].Value.StartsWith("http_", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(series);
        Assert.Empty(series.Select(m => MetricLabels.Fault(m.Groups["metric"].Value, m.Groups["label"].Captures.Select(label => label.Value))).OfType<string>());
        Assert.All(series, m => Assert.Subset(m.Groups["label"].Captures.Select(label => label.Value).ToHashSet(), new HashSet<string> { "job", "instance" }));
    }

    /// <summary>Each instrument in the source, counted up yet or not: a name that nobody approved, or one without unit and description, is found before it runs.</summary>
    [Fact]
    public void Every_instrument_is_approved_and_has_a_unit_and_a_description()
    {
        var approved = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt")).Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        var sources = Directory.EnumerateFiles(Repository.Path("services"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("Tests", StringComparison.Ordinal)).Select(File.ReadAllText).ToArray();
        var named = sources.SelectMany(source => Named().Matches(source)).Select(m => m.Groups["name"].Value).Order(StringComparer.Ordinal);
        var described = sources.SelectMany(source => Described().Matches(source)).ToArray();
        Assert.Equal(named, described.Select(m => m.Groups["name"].Value).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(described.Select(Exported), name => !approved.Contains(name));
    }

    /// <summary>As <c>/metrics</c> names it.</summary>
    private static string Exported(Match instrument)
    {
        var unit = instrument.Groups["unit"].Value switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        var kind = instrument.Groups["kind"].Value;
        var name = (kind is "Count" or "Total" ? "platform_ingestion_" : "platform_") + instrument.Groups["name"].Value.Replace('.', '_');
        return name + (name.EndsWith(unit, StringComparison.Ordinal) ? "" : unit) + (kind is "Count" or "Total" || kind.EndsWith("Counter", StringComparison.Ordinal) ? "_total" : "");
    }

    private static IEnumerable<Manifest> Alerts() =>
        Yaml(Path.Combine(Files, "alerts.yaml")).List("groups").SelectMany(group => group.List("rules"));

    private static Manifest Yaml(string file) => new(new DeserializerBuilder().Build().Deserialize<object>(File.ReadAllText(file)));

    private static IEnumerable<string> Dashboards() =>
        from file in Directory.EnumerateFiles(Path.Combine(Files, "dashboards"), "*.json")
        from panel in JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("panels").EnumerateArray()
        from target in panel.GetProperty("targets").EnumerateArray()
        select target.GetProperty("expr").GetString()!;

    [GeneratedRegex(@"(Create\w+(<\w+>)?\(\s*""platform\.|(Count|Total)\("")(?<name>[a-z_.]+)""")] // the latter: ingestion's own, for each receiver or exporter
    private static partial Regex Named();

    [GeneratedRegex(@"(Create(?<kind>\w+)(<\w+>)?\(\s*""platform\.|(?<kind>Count|Total)\("")(?<name>[a-z_.]+)"",[^;]*?""(?<unit>\{\w+\}|s|By|1)"",\s*""(?<description>[^""]+)""")]
    private static partial Regex Described();

    [GeneratedRegex(@"^(?<metric>\w+)\{((?<label>\w+)=""[^""]*"",?)*\}$")]
    private static partial Regex Series();

    [GeneratedRegex(@"^## (\w+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\b(?!http_response_status_code|http_route)(platform|http|dotnet)_[a-z_]+(?=[{\[) ]|$)")]
    private static partial Regex Metric();

    [GeneratedRegex(@"`(?<metric>(platform|http_client|http_server|dotnet|db|messaging|kestrel)_[a-z_]+)[`{]")]
    private static partial Regex Quoted();

    [GeneratedRegex("_(bucket|count|sum)$")]
    private static partial Regex Base();
}
