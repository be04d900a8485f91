namespace Platform.Reporting;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Could not see which reports are due; looked again at the next tick")]
    public static partial void TickFailed(this ILogger log, Exception reason);

    [LoggerMessage(2, LogLevel.Information, "Erased {Streams} incidents of contract {ServiceCode}, erasure {ErasureId}")]
    public static partial void ContractErased(this ILogger log, string serviceCode, Guid erasureId, long streams);
}
