using System.ComponentModel.DataAnnotations;

namespace Platform.Detection.Anomalies;

/// <summary>When an anomaly is over. Bound from the <c>Anomalies</c> section.</summary>
internal sealed class AnomalyOptions
{
    public const string Section = "Anomalies";

    /// <summary>How long traffic must stay low before an anomaly ends; silence counts as low. 1 second to 1 hour; default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan QuietFor { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Traffic is low when every rate is at or below this share of its threshold. 0.1 to 1; default 0.7.</summary>
    [Range(0.1, 1.0, ErrorMessage = "must be 0.1 to 1.")]
    public double LowShare { get; init; } = 0.7;
}
