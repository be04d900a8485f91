using System.ComponentModel.DataAnnotations;

namespace Platform.Detection.Anomalies;

/// <summary>When an anomaly is over. Bound from the <c>Anomalies</c> section.</summary>
internal sealed class AnomalyOptions
{
    public const string Section = "Anomalies";

    /// <summary>
    /// How long traffic must be seen to be low before an anomaly ends; silence of the target counts as low, silence of the telemetry does not.
    /// Pulses with shorter pauses are one anomaly. 1 second to 1 hour; default 30 seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan QuietFor { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A target that came back after a pause is waited for two and a half times as long as its longest pause, and never longer than this. 1 second to
    /// 1 hour; default 10 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Telemetry (of any exporter) that was not heard for longer than this is missing: the time beyond it is no quiet. 1 second to 5 minutes; default 3
    /// seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = "must be 00:00:01 to 00:05:00.")]
    public TimeSpan TelemetryGap { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// An anomaly whose telemetry was missing for so long in all since it was last seen high ends, and says that this is why. 10 seconds to 1 day; default
    /// 15 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00", ErrorMessage = "must be 00:00:10 to 1.00:00:00.")]
    public TimeSpan MissingFor { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Seconds in a row that must be over before an anomaly opens; 1: the first one opens it at once. 1 to 60; default 1.</summary>
    [Range(1, 60, ErrorMessage = "must be 1 to 60.")]
    public int MinimumSeconds { get; init; } = 1;

    /// <summary>Traffic is low when every rate is at or below this share of its threshold. 0.1 to 1; default 0.7.</summary>
    [Range(0.1, 1.0, ErrorMessage = "must be 0.1 to 1.")]
    public double LowShare { get; init; } = 0.7;
}
