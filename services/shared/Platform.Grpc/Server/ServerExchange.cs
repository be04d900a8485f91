using Grpc.Core;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Server;

/// <summary>Messages of one call, read from the request's pipe and written into the response's.</summary>
internal sealed class ServerExchange<TRequest, TResponse>(
    HttpServerCallContext context, Method<TRequest, TResponse> method, int? maxReceiveLength)
    : IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>
    where TRequest : class
    where TResponse : class
{
    private readonly MessageReader<TRequest> _requests = new(
        context.Http.Request.BodyReader,
        method.RequestMarshaller,
        context.Http.Request.Headers[Headers.Encoding],
        maxReceiveLength);

    private TRequest? _current;
    private int _writing;

    public ServerCallContext Context => context;

    public TRequest Current => _current ?? throw new InvalidOperationException("There is no current message.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        _current = await Read(cancellationToken);
        return _current is not null;
    }

    /// <summary>The request of a method that has one.</summary>
    public async Task<TRequest> ReadSingle()
    {
        var request = await Read(CancellationToken.None)
            ?? throw new RpcException(new Status(StatusCode.Internal, "The call has no request."));
        return await Read(CancellationToken.None) is null
            ? request
            : throw new RpcException(new Status(StatusCode.Internal, "The call has more than one request."));
    }

    /// <summary>The response of a method that has one. It goes out together with the status.</summary>
    public async Task WriteSingle(TResponse? response)
    {
        if (response is null)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "No message returned from method."));
        }

        await context.Http.Response.StartAsync(context.CancellationToken);
        context.Http.Response.BodyWriter.Write(response, method.ResponseMarshaller);
    }

    public Task WriteAsync(TResponse message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(TResponse message, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _writing, 1) == 1)
        {
            throw new InvalidOperationException("The previous write has not ended.");
        }

        try
        {
            using var both = Both(cancellationToken);
            var stop = both?.Token ?? context.CancellationToken;
            stop.ThrowIfCancellationRequested();
            if (!context.Http.Response.HasStarted)
            {
                await context.Http.Response.StartAsync(stop);
            }

            var body = context.Http.Response.BodyWriter;
            body.Write(message, method.ResponseMarshaller);
            if ((await body.FlushAsync(stop)) is { IsCompleted: true } or { IsCanceled: true })
            {
                throw new RpcException(new Status(StatusCode.Cancelled, "The caller went away."));
            }
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    private async ValueTask<TRequest?> Read(CancellationToken cancellationToken)
    {
        using var both = Both(cancellationToken);
        try
        {
            return await _requests.Read(both?.Token ?? context.CancellationToken);
        }
        catch (IOException lost)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller went away.", lost));
        }
    }

    private CancellationTokenSource? Both(CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled && cancellationToken != context.CancellationToken
            ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, context.CancellationToken)
            : null;
}
