namespace Platform.Testing;

/// <summary>
/// Which labels the metrics of the alerts have (<c>tests/Platform.ChartTests/labels.txt</c>; <c>?</c>: not on every series). The alerts' tests may use no
/// others, and what running services answer must have these: an alert that is tested with series that nobody makes is not tested.
/// </summary>
public static class MetricLabels
{
    private static readonly string[] OfTheScraper = ["__name__", "job", "instance", "le"];

    private static readonly Dictionary<string, string[]> Known = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "labels.txt"))
        .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => words[1..]);

    /// <summary>Whether the alerts use this metric.</summary>
    /// <param name="metric">As it is scraped; of a histogram each of its series.</param>
    public static bool Has(string metric) => Known.ContainsKey(Base(metric));

    /// <summary>What is wrong with a series; null when its labels are those of its metric.</summary>
    /// <param name="metric">As it is scraped.</param>
    /// <param name="labels">Names of its labels; those of the scraper do not count.</param>
    public static string? Fault(string metric, IEnumerable<string> labels)
    {
        var has = labels.Except(OfTheScraper).Order(StringComparer.Ordinal).ToArray();
        var may = Known[Base(metric)];
        return has.Except(may.Select(label => label.TrimEnd('?'))).Any() || may.Where(label => !label.EndsWith('?')).Except(has).Any()
            ? $"{metric} has the labels '{string.Join(' ', has)}', labels.txt says '{string.Join(' ', may)}'"
            : null;
    }

    private static string Base(string metric) =>
        ((string[])["_bucket", "_count", "_sum"]).FirstOrDefault(end => metric.EndsWith(end, StringComparison.Ordinal)) is { } end ? metric[..^end.Length] : metric;
}
