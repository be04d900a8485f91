using System.Diagnostics.Metrics;

namespace Platform.Reporting;

/// <summary>Every instrument of the service.</summary>
internal static class Telemetry
{
    private static readonly Meter Meter = new("Platform.Reporting");

    private static readonly Counter<long> Steps = Meter.CreateCounter<long>(
        "platform.reporting.steps", "{step}", "Steps recorded in incidents, by step.");

    private static readonly Counter<long> Reports = Meter.CreateCounter<long>(
        "platform.reporting.reports", "{report}", "Incident reports published, by mitigation result.");

    private static readonly Counter<long> Stale = Meter.CreateCounter<long>(
        "platform.reporting.answers.stale", "{answer}", "Answers given from a view that was still behind.");

    public static void Recorded(string step) => Steps.Add(1, new KeyValuePair<string, object?>("step", step));

    public static void Reported(string mitigationResult) =>
        Reports.Add(1, new KeyValuePair<string, object?>("result", mitigationResult));

    public static void StaleAnswer() => Stale.Add(1);
}
