using System.ComponentModel.DataAnnotations;

namespace Platform.Reporting.Incidents;

/// <summary>When reports are written. Bound from the <c>Reports</c> section.</summary>
public sealed class ReportOptions
{
    public const string Section = "Reports";

    /// <summary>
    /// How long after the end of an attack a first word of mitigation is waited for, before the report says that there
    /// was none;
    /// 1 second to 1 day. Default 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "must be from 00:00:01 to 1.00:00:00.")]
    public TimeSpan GraceWithoutMitigation { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How often it is looked whether that time has passed, 100 milliseconds to 1 hour. Default 5 seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00", ErrorMessage = "must be from 00:00:00.100 to 01:00:00.")]
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromSeconds(5);
}
