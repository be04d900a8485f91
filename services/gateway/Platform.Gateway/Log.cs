using System.Net;
using Grpc.Core;

namespace Platform.Gateway;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{Operator} {Method} {Path} from {SourceAddress}: {Status}")]
    public static partial void Access(this ILogger log, string @operator, string method, string path, IPAddress? sourceAddress, int status);

    [LoggerMessage(2, LogLevel.Warning, "A service did not answer {Path}: {Status}")]
    public static partial void ServiceUnavailable(this ILogger log, string path, StatusCode status);
}
