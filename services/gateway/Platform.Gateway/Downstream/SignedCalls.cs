using Grpc.Core;
using Platform.Hosting;

namespace Platform.Gateway.Downstream;

/// <summary>Every call to a service says who stands behind it, ends in time, and ends when the person has gone.</summary>
internal sealed class SignedCalls(CallInvoker inner, Func<CallOptions, CallOptions> sign) : CallInvoker
{
    /// <summary>Options of a call for this caller; the person's idempotency key goes along.</summary>
    public static CallOptions For(
        Caller caller, CallOptions options, CallerContext callers, DateTime deadline, HttpContext? http)
    {
        var headers = new Metadata { { CallerContext.Header, callers.Sign(caller) } };
        if (http?.Request.Headers["Idempotency-Key"].ToString() is { Length: > 0 and <= 200 } key && key.All(char.IsAscii))
        {
            headers.Add("x-idempotency-key", key);
        }

        return options.WithHeaders(headers).WithDeadline(deadline).WithCancellationToken(http?.RequestAborted ?? CancellationToken.None);
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        inner.AsyncUnaryCall(method, host, sign(options), request);

    // The services' questions are all unary; live data comes over the fact bus.
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();
}
