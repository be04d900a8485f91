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
        Alerts().Select(a => Path.GetFileName(a.Text("annotations", "runbook"))).Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Repository.Path("docs", "runbooks"), "*.md").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));

    /// <summary>metrics.txt is what running services answered at /metrics; `./platform test cluster` compares it with theirs.</summary>
    [Fact]
    public void Alerts_and_dashboards_name_only_metrics_that_services_have()
    {
        var known = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt")).Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        var named = Alerts().Select(a => a.Text("expr")).Concat(Dashboards()).SelectMany(e => Metric().Matches(e).Select(m => Base().Replace(m.Value, "")));
        Assert.Empty(named.Where(name => !known.Contains(name)).Distinct());
    }

    private static IEnumerable<Manifest> Alerts() =>
        new Manifest(new DeserializerBuilder().Build().Deserialize<object>(File.ReadAllText(Path.Combine(Files, "alerts.yaml"))))
            .List("groups").SelectMany(group => group.List("rules"));

    private static IEnumerable<string> Dashboards() =>
        from file in Directory.EnumerateFiles(Path.Combine(Files, "dashboards"), "*.json")
        from panel in JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("panels").EnumerateArray()
        from target in panel.GetProperty("targets").EnumerateArray()
        select target.GetProperty("expr").GetString()!;

    [GeneratedRegex(@"^## (\w+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\b(?!http_response_status_code|http_route)(platform|http|dotnet)_[a-z_]+(?=[{\[) ]|$)")]
    private static partial Regex Metric();

    [GeneratedRegex("_(bucket|count|sum)$")]
    private static partial Regex Base();
}
