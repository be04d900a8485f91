using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Platform.Grpc.Server;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "gRPC method {Method} failed")]
    public static partial void MethodFailed(this ILogger log, Exception reason, string method);

    [LoggerMessage(2, LogLevel.Debug, "gRPC method {Method} ended with {Status}")]
    public static partial void MethodRefused(this ILogger log, Exception reason, string method, StatusCode status);
}
