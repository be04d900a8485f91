namespace Platform.Retention;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The database cannot be reached; looked again at the next tick")]
    public static partial void DatabaseAway(this ILogger log, Exception reason);

    [LoggerMessage(2, LogLevel.Information, "Every owner has erased the data of contract {ServiceCode}: erasure {ErasureId} is certified")]
    public static partial void ErasureCertified(this ILogger log, string serviceCode, Guid erasureId);
}
