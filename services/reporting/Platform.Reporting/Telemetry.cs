using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Platform.Reporting;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    public static readonly ActivitySource Source = new("Platform.Reporting");

    private static readonly Meter Meter = new("Platform.Reporting");

    private static readonly Counter<long> Steps = Meter.CreateCounter<long>(
        "platform.reporting.steps", "{step}", "Steps recorded in incidents, by step.");

    private static readonly Counter<long> Reports = Meter.CreateCounter<long>(
        "platform.reporting.reports", "{report}", "Incident reports published, by mitigation result.");

    private static readonly Histogram<double> RouteDelay = Meter.CreateHistogram<double>(
        "platform.reporting.route.delay",
        "s",
        "From the anomaly to the first countermeasure in force, by the clocks of those who told it.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30] });

    private static readonly Histogram<double> ReportDelay = Meter.CreateHistogram<double>(
        "platform.reporting.report.delay",
        "s",
        "From the end that completed an incident to its published report.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300] });

    private static readonly Counter<long> Stale = Meter.CreateCounter<long>(
        "platform.reporting.answers.stale", "{answer}", "Answers given from a view that was still behind.");

    public static void Recorded(string step) => Steps.Add(1, new KeyValuePair<string, object?>("step", step));

    public static void Answered(TimeSpan delay) => RouteDelay.Record(delay.TotalSeconds);

    /// <param name="mitigationResult">Of the report.</param>
    /// <param name="delay">Null when it was published because nothing came, not because something ended.</param>
    public static void Reported(string mitigationResult, TimeSpan? delay)
    {
        Reports.Add(1, new KeyValuePair<string, object?>("result", mitigationResult));
        if (delay is { } known)
        {
            ReportDelay.Record(known.TotalSeconds);
        }
    }

    public static void StaleAnswer() => Stale.Add(1);
}
