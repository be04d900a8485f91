namespace Platform.Notifications;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Erased {Streams} notices of contract {ServiceCode}, erasure {ErasureId}")]
    public static partial void ContractErased(this ILogger log, string serviceCode, Guid erasureId, long streams);
}
