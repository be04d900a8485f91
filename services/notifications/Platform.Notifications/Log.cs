namespace Platform.Notifications;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Erased the data of contract {ServiceCode} for erasure {ErasureId}: {Streams} notices")]
    public static partial void ContractErased(this ILogger log, string serviceCode, Guid erasureId, long streams);
}
