using System.ComponentModel.DataAnnotations;

namespace Platform.Ingestion.Windows;

/// <summary>How traffic becomes windows. Bound from the <c>Windows</c> section.</summary>
internal sealed class WindowOptions
{
    public const string Section = "Windows";

    /// <summary>
    /// How far back a flow's bytes are spread over the seconds in which they flowed, 1 to 120 seconds. Default 10.
    /// What lies further back is counted as late: give the exporters an active timeout that is not longer.
    /// </summary>
    [Range(1, 120, ErrorMessage = "must be from 1 to 120 seconds.")]
    public int ReachSeconds { get; init; } = 10;

    /// <summary>How often increments are sent, 100 to 10,000 milliseconds. Default 1000. Hosts near a threshold are sent every 100 ms in any case.</summary>
    [Range(100, 10_000, ErrorMessage = "must be from 100 to 10000 milliseconds.")]
    public int SendEveryMilliseconds { get; init; } = 1000;

    /// <summary>
    /// Most rows (host, vectors, seconds) that one receiving thread holds between two sendings, 1,000 to 50,000,000.
    /// Default 4,000,000 (128 MB of IPv4).
    /// </summary>
    [Range(1_000, 50_000_000, ErrorMessage = "must be from 1000 to 50000000.")]
    public int RowLimit { get; init; } = 4_000_000;

    /// <summary>How long increments wait for the broker before they are dropped with a count, 1 second to 2 minutes (no window stays open for longer). Default 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:02:00", ErrorMessage = "must be from 00:00:01 to 00:02:00.")]
    public TimeSpan KeepFor { get; init; } = TimeSpan.FromSeconds(30);
}
