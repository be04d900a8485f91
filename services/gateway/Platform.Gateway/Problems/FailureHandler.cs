using Grpc.Core;
using Microsoft.AspNetCore.Diagnostics;
using Platform.Hosting;

namespace Platform.Gateway.Problems;

/// <summary>Turns what services answer, and what breaks, into problems. No text of an exception of our own leaves the process.</summary>
internal sealed class FailureHandler(ILogger<FailureHandler> log) : IExceptionHandler
{
    public const string RetryAfterSeconds = "5";

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested)
        {
            return true; // nobody is there to be answered
        }

        if (exception is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.DeadlineExceeded } unreachable)
        {
            log.ServiceUnavailable(httpContext.Request.Path, unreachable.StatusCode);
        }

        var status = StatusOf(exception);
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            httpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        }

        var problem = exception is RpcException rpc && rpc.Trailers.GetValue(Rejections.CodeTrailer) is { } code
            ? Problem.Of(status, code, rpc.Trailers.GetValue(Rejections.TitleTrailer) ?? code, rpc.Status.Detail)
            : Problem.Of(status);
        await problem.ExecuteAsync(httpContext);
        return true;
    }

    private static int StatusOf(Exception exception) => exception switch
    {
        BadHttpRequestException malformed => malformed.StatusCode,
        RpcException rpc => rpc.StatusCode switch
        {
            // A refusal by rule carries a code; without one the request itself was malformed.
            StatusCode.InvalidArgument => rpc.Trailers.GetValue(Rejections.CodeTrailer) is null ? 400 : 422,
            StatusCode.NotFound => 404,
            StatusCode.FailedPrecondition or StatusCode.AlreadyExists => 409,
            StatusCode.PermissionDenied => 403,
            StatusCode.Unauthenticated => 401,
            StatusCode.Aborted => 412,
            StatusCode.Unavailable or StatusCode.DeadlineExceeded => 503,
            _ => 500,
        },
        _ => 500,
    };
}
