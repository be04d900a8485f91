using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Net.Client;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Client;

/// <summary>
/// One call: an HTTP/2 exchange whose end, whatever brings it, becomes exactly one outcome. The first counts: the server's
/// trailers, a broken protocol, a lost connection, the deadline, the caller's token, disposal.
/// </summary>
internal sealed class GrpcCall<TRequest, TResponse>(
    GrpcChannel channel, Method<TRequest, TResponse> method, CallOptions options) : IAsyncStreamReader<TResponse>, IDisposable
    where TRequest : class
    where TResponse : class
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly TimeProvider _clock = channel.Options.Clock;
    private readonly CancellationTokenSource _stop = new(); // without timer or link, so that it needs no disposal
    private readonly TaskCompletionSource<Outcome> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _callersToken;
    private ITimer? _deadlineTimer;
    private Task<HttpResponseMessage> _response = null!;
    private HttpResponseMessage? _arrived;
    private MessageReader<TResponse>? _messages;
    private TResponse? _current;

    public Task<Metadata> ResponseHeaders { get; private set; } = null!;

    public TResponse Current => _current ?? throw new InvalidOperationException("There is no current message.");

    private Outcome Ended => _end.Task.IsCompleted
        ? _end.Task.GetAwaiter().GetResult()
        : throw new InvalidOperationException("The call has not ended: read its responses first.");

    /// <summary>Starts a call with one request.</summary>
    public void Start(TRequest request)
    {
        var content = new ReadOnlyMemoryContent(method.RequestMarshaller.ToFrame(request));
        content.Headers.ContentType = new MediaTypeHeaderValue(Headers.ContentType);
        Start(content);
    }

    /// <summary>Starts a call with many requests.</summary>
    public RequestStream<TRequest> Start()
    {
        var requests = new RequestStream<TRequest>(method.RequestMarshaller, Dispose, WhyWriteFailed, _stop.Token);
        Start(requests);
        return requests;
    }

    /// <summary>The response of a call that has one.</summary>
    public Task<TResponse> ReadSingle() => Observed(ReadSingleCore());

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (!_end.Task.IsCompleted)
        {
            try
            {
                await using var registration = cancellationToken.UnsafeRegister(_ => Dispose(), null);
                var response = await _response;
                _messages ??= new MessageReader<TResponse>(
                    PipeReader.Create(await response.Content.ReadAsStreamAsync(_stop.Token)),
                    method.ResponseMarshaller,
                    response.Headers.Text(Headers.Encoding),
                    channel.Options.MaxReceiveMessageSize);
                _current = await _messages.Read(_stop.Token);
                if (_current is not null)
                {
                    return true;
                }

                EndWith(Outcome.In(response.TrailingHeaders) ?? Outcome.In(response.Headers) ?? Outcome.Missing);
            }
            catch (Exception reason)
            {
                EndWith(Outcome.Of(reason, DeadlinePassed()));
            }
        }

        _messages?.Complete();
        var outcome = await _end.Task;
        return outcome.Status.StatusCode == StatusCode.OK ? false : throw outcome.ToException();
    }

    public Status GetStatus() => Ended.Status;

    public Metadata GetTrailers() => Ended.Trailers;

    /// <summary>Ends the call as cancelled, unless it has ended.</summary>
    public void Dispose() => EndWith(Outcome.Cancelled);

    private void Start(HttpContent content)
    {
        if (options.Deadline is { } deadline && deadline != DateTime.MaxValue && deadline.Kind != DateTimeKind.Utc)
        {
            throw new InvalidOperationException("A deadline is an instant in UTC.");
        }

        _response = Observed(Send(content));
        ResponseHeaders = Observed(ReadHeaders());
    }

    private async Task<HttpResponseMessage> Send(HttpContent content)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(channel.Address, method.FullName))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = content,
            };
            request.Headers.TryAddWithoutValidation("te", "trailers");
            request.Headers.TryAddWithoutValidation("user-agent", "platform-grpc");
            request.Headers.TryAddWithoutValidation(Headers.AcceptEncoding, Headers.AcceptedEncodings);
            WatchDeadlineAndToken(request.Headers);
            request.Headers.Add(options.Headers ?? []);
            var response = await channel.Http.SendAsync(request, _stop.Token);
            Interlocked.Exchange(ref _arrived, response);
            if (_end.Task.IsCompleted)
            {
                response.Dispose();
                throw new OperationCanceledException();
            }

            if (Outcome.OfRefusal(response) is { } refusal)
            {
                throw refusal.ToException();
            }

            return response;
        }
        catch (Exception reason)
        {
            EndWith(Outcome.Of(reason, DeadlinePassed()));
            throw (await _end.Task).ToException();
        }
    }

    private void WatchDeadlineAndToken(HttpRequestHeaders headers)
    {
        _callersToken = options.CancellationToken.UnsafeRegister(_ => Dispose(), null);
        if (options.Deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            var left = deadline - _clock.GetUtcNow().UtcDateTime;
            headers.TryAddWithoutValidation(Headers.Timeout, Headers.EncodeTimeout(left));
            if (left <= TimeSpan.Zero)
            {
                EndWith(Outcome.DeadlineExceeded);
            }
            else if (left < LongestTimer)
            {
                _deadlineTimer = _clock.CreateTimer(_ => EndWith(Outcome.DeadlineExceeded), null, left, Timeout.InfiniteTimeSpan);
            }
        }

        if (_end.Task.IsCompleted)
        {
            Release();
        }
    }

    private bool DeadlinePassed() => options.Deadline <= _clock.GetUtcNow().UtcDateTime;

    private async Task<Metadata> ReadHeaders() => (await _response).Headers.ToMetadata();

    private async Task<TResponse> ReadSingleCore()
    {
        if (!await MoveNext(CancellationToken.None))
        {
            throw new RpcException(new Status(StatusCode.Internal, "The server ended the call without a response."));
        }

        var response = Current;
        if (await MoveNext(CancellationToken.None))
        {
            Dispose();
            throw new RpcException(new Status(StatusCode.Internal, "The server sent more than one response."));
        }

        return response;
    }

    private async Task<RpcException> WhyWriteFailed(Exception reason)
    {
        // The only response of a client stream is being read all the time, so the outcome comes by itself.
        if (method.Type == MethodType.ClientStreaming || _end.Task.IsCompleted)
        {
            var outcome = await _end.Task;
            if (outcome.Status.StatusCode != StatusCode.OK)
            {
                return outcome.ToException();
            }
        }

        return new RpcException(new Status(StatusCode.Cancelled, "The server has ended the call: its responses say why.", reason));
    }

    private void EndWith(Outcome outcome)
    {
        if (_end.TrySetResult(outcome))
        {
            _stop.Cancel();
            Release();
            Volatile.Read(ref _arrived)?.Dispose(); // resets the HTTP/2 stream when it has not ended by itself
        }
    }

    private void Release()
    {
        _callersToken.Unregister();
        _deadlineTimer?.Dispose();
    }

    /// <summary>A caller may look at any one of a call's tasks: the failure of the others is no surprise.</summary>
    private static Task<T> Observed<T>(Task<T> task)
    {
        _ = task.ContinueWith(
            static failed => failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }
}
