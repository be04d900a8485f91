namespace Platform.Retention;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Could not see what is due; looked again at the next tick")]
    public static partial void TickFailed(this ILogger log, Exception reason);

    [LoggerMessage(2, LogLevel.Information, "Every owner answered for contract {ServiceCode}, erasure {ErasureId} is certified")]
    public static partial void ErasureCertified(this ILogger log, string serviceCode, Guid erasureId);

    [LoggerMessage(3, LogLevel.Information, "The term has come: owners are asked for erasure {ErasureId}")]
    public static partial void ErasureRequested(this ILogger log, Guid erasureId);
}
