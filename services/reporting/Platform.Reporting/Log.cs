namespace Platform.Reporting;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Could not see which reports are due; looked again at the next tick")]
    public static partial void TickFailed(this ILogger log, Exception reason);
}
