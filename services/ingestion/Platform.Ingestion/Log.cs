using System.Net;

namespace Platform.Ingestion;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Listening for flows on {Endpoint} with {Receivers} receivers, {BufferBytes} bytes of receive buffer each")]
    public static partial void Listening(this ILogger log, IPEndPoint endpoint, int receivers, int bufferBytes);

    [LoggerMessage(2, LogLevel.Warning,
        "The kernel gave {BufferBytes} bytes of receive buffer instead of {AskedBytes}: raise net.core.rmem_max or give the process CAP_NET_ADMIN")]
    public static partial void BufferSmallerThanAsked(this ILogger log, int askedBytes, int bufferBytes);

    [LoggerMessage(3, LogLevel.Critical, "A receiving thread broke; the service stops so that it is started anew")]
    public static partial void ReceiverBroke(this ILogger log, Exception reason);

    [LoggerMessage(4, LogLevel.Warning, "The database cannot be reached; exporters and protected objects stay as they were")]
    public static partial void DatabaseAway(this ILogger log, Exception reason);

    [LoggerMessage(5, LogLevel.Information, "Traffic of {Objects} protected objects is counted")]
    public static partial void ProtectedObjectsLoaded(this ILogger log, int objects);

    [LoggerMessage(6, LogLevel.Information, "The telemetry bus at {Host}:{Port} takes windows")]
    public static partial void BrokerConnected(this ILogger log, string host, int port);

    [LoggerMessage(7, LogLevel.Warning, "The telemetry bus cannot be reached; windows are merged, then dropped with a count")]
    public static partial void BrokerAway(this ILogger log, Exception reason);

    [LoggerMessage(8, LogLevel.Warning, "{Windows} window increments were not confirmed by the broker and are counted as dropped")]
    public static partial void WindowsLost(this ILogger log, int windows, Exception reason);

    [LoggerMessage(9, LogLevel.Critical, "Sending to the telemetry bus broke; the service stops so that it is started anew")]
    public static partial void SenderBroke(this ILogger log, Exception reason);

    [LoggerMessage(10, LogLevel.Debug, "A beat was not taken by the telemetry bus")]
    public static partial void BeatLost(this ILogger log, Exception reason);
}
