using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Platform.Hosting;

/// <summary>Metrics in Prometheus text format 0.0.4, collected when they are asked for.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const string HistogramsOwn = "_count"; // in this format; some of the runtime's and of Npgsql's gauges are called so

    private readonly Lock _gate = new();
    private string _text = "";

    public Func<int, bool>? Collect { get; set; }

    public string Scrape()
    {
        lock (_gate)
        {
            Collect?.Invoke(5000);
            return _text;
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        var text = new StringBuilder();
        foreach (var metric in batch)
        {
            Write(text, metric);
        }

        _text = text.ToString();
        return ExportResult.Success;
    }

    private static void Write(StringBuilder text, Metric metric)
    {
        var kind = metric.MetricType switch
        {
            MetricType.Histogram => "histogram",
            MetricType.LongSum or MetricType.DoubleSum => "counter",
            MetricType.LongGauge or MetricType.DoubleGauge or MetricType.LongSumNonMonotonic or MetricType.DoubleSumNonMonotonic => "gauge",
            _ => null, // exponential histograms have no form in this version of the text format
        };
        if (kind is null)
        {
            return;
        }

        var (unit, factor) = BaseUnit(metric.Unit);
        var name = Sanitize(metric.Name);
        name += (name.EndsWith(unit, StringComparison.Ordinal) ? "" : unit) + (kind == "counter" ? "_total" : "");
        if (kind == "gauge" && name.EndsWith(HistogramsOwn, StringComparison.Ordinal))
        {
            name = name[..^HistogramsOwn.Length] + "_number";
        }

        if (metric.Description.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(metric.Description)}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {kind}\n");
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = Labels(point.Tags);
            if (kind == "histogram")
            {
                WriteHistogram(text, name, labels, factor, point);
                continue;
            }

            var value = metric.MetricType switch
            {
                MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
                MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
                MetricType.LongGauge => point.GetGaugeLastValueLong(),
                _ => point.GetGaugeLastValueDouble(),
            };
            WriteLine(text, name, labels, value * factor);
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, string labels, double factor, in MetricPoint point)
    {
        long below = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            below += bucket.BucketCount; // our buckets count apart, Prometheus wants "less or equal"
            var bound = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : Number(bucket.ExplicitBound * factor);
            WriteLine(text, name + "_bucket", labels.Length == 0 ? $"le=\"{bound}\"" : $"{labels},le=\"{bound}\"", below);
        }

        WriteLine(text, name + "_sum", labels, point.GetHistogramSum() * factor);
        WriteLine(text, name + "_count", labels, point.GetHistogramCount());
    }

    private static void WriteLine(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Labels(ReadOnlyTagCollection tags)
    {
        var labels = new List<string>(tags.Count);
        foreach (var (key, value) in tags)
        {
            var shown = Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\"", "\\\"", StringComparison.Ordinal);
            labels.Add($"{Sanitize(key)}=\"{shown}\"");
        }

        return string.Join(',', labels);
    }

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Sanitize(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    /// <summary>Prometheus counts in base units: what a library measures in milliseconds (MassTransit does) is said in seconds.</summary>
    private static (string Suffix, double Factor) BaseUnit(string unit) => unit switch
    {
        "s" => ("_seconds", 1),
        "ms" => ("_seconds", 0.001),
        "By" => ("_bytes", 1),
        "" or "1" or "ea" => ("", 1), // the last is MassTransit's word for pieces
        _ when unit.StartsWith('{') => ("", 1), // an annotation such as {event} is no unit
        _ => ("_" + Sanitize(unit), 1),
    };
}
