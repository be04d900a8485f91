using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Client;

/// <summary>
/// The requests of a streaming call: body of the HTTP request and writer in one. A write waits for the server's flow control,
/// and ends when the call ends, so that a server which answers early leaves nobody waiting.
/// </summary>
internal sealed class RequestStream<T> : HttpContent, IClientStreamWriter<T>
{
    private readonly Marshaller<T> _marshaller;
    private readonly CancellationToken _stopped;
    private readonly Action _cancel;
    private readonly Func<Exception, Task<RpcException>> _whyFailed;
    private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _writing;

    public RequestStream(
        Marshaller<T> marshaller, Action cancel, Func<Exception, Task<RpcException>> whyFailed, CancellationToken stopped)
    {
        (_marshaller, _cancel, _whyFailed, _stopped) = (marshaller, cancel, whyFailed, stopped);
        Headers.ContentType = new MediaTypeHeaderValue(Wire.Headers.ContentType);
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        if (_completed.Task.IsCompleted || Interlocked.Exchange(ref _writing, 1) == 1)
        {
            throw new InvalidOperationException("Write one message at a time, and none after CompleteAsync.");
        }

        try
        {
            var frame = _marshaller.ToFrame(message);
            await Send(frame, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public Task CompleteAsync()
    {
        _completed.TrySetResult();
        return Task.CompletedTask;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.FlushAsync(cancellationToken); // the headers go now, not with the first message
        if (!_opened.TrySetResult(stream))
        {
            throw new IOException("The connection was lost, and requests that were sent cannot be sent again.");
        }

        // Ending by exception resets the stream: the server must never take a cancelled stream for a complete one.
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopped);
        await _completed.Task.WaitAsync(both.Token);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    private async Task Send(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        try
        {
            await using var registration = cancellationToken.UnsafeRegister(_ => _cancel(), null);
            var stream = await _opened.Task.WaitAsync(_stopped);
            await stream.WriteAsync(frame, _stopped);
            await stream.FlushAsync(_stopped);
        }
        catch (Exception reason)
        {
            throw await _whyFailed(reason);
        }
    }
}
