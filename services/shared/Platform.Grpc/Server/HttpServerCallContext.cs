using System.Globalization;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Server;

/// <summary>The call as one HTTP request: its deadline, its metadata and the status that ends it.</summary>
internal sealed class HttpServerCallContext(HttpContext http, IMethod method, TimeProvider clock) : ServerCallContext, IDisposable
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private DateTime _deadline = DateTime.MaxValue;
    private CancellationTokenSource? _deadlinePassed;
    private CancellationTokenSource? _stop;
    private Metadata? _requestHeaders;

    public HttpContext Http => http;

    public override string Method => method.FullName;

    public override string Host => http.Request.Host.Value ?? "";

    public override string Peer => http.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { AddressFamily: AddressFamily.InterNetworkV6 } address => $"ipv6:[{address}]:{http.Connection.RemotePort}",
        var address => $"ipv4:{address}:{http.Connection.RemotePort}",
    };

    public override DateTime Deadline => _deadline;

    public override Metadata RequestHeaders => _requestHeaders ??= ReadRequestHeaders();

    public override CancellationToken CancellationToken => _stop?.Token ?? http.RequestAborted;

    public override Metadata ResponseTrailers { get; } = [];

    public override Status Status { get; set; } = Status.DefaultSuccess;

    /// <summary>Takes the call on, or refuses it.</summary>
    /// <exception cref="RpcException">Its headers cannot be served.</exception>
    public void Open()
    {
        http.Response.ContentType = Headers.ContentType;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
        {
            bodySize.MaxRequestBodySize = null; // each message has its limit; a stream has none
        }

        var manyRequests = method.Type is MethodType.ClientStreaming or MethodType.DuplexStreaming;
        if (manyRequests && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } dataRate)
        {
            dataRate.MinDataRate = null; // a stream may be silent for hours
        }

        if (http.Request.Headers[Headers.Encoding].ToString() is not ("" or "identity" or "gzip") and var encoding)
        {
            http.Response.Headers[Headers.AcceptEncoding] = Headers.AcceptedEncodings;
            throw new RpcException(new Status(StatusCode.Unimplemented, $"Messages cannot be read in the encoding {encoding}."));
        }

        if (http.Request.Headers[Headers.Timeout].ToString() is { Length: > 0 } text)
        {
            SetDeadline(text);
        }
    }

    /// <summary>Chooses the status for an exception. Its text stays here, unless it is an <see cref="RpcException"/>.</summary>
    public void Fail(Exception reason, ILogger log)
    {
        if (_deadlinePassed is { IsCancellationRequested: true })
        {
            Status = new Status(StatusCode.DeadlineExceeded, "The deadline passed.");
        }
        else if (reason is RpcException chosen)
        {
            Status = chosen.Status;
            foreach (var entry in chosen.Trailers)
            {
                ResponseTrailers.Add(entry);
            }
        }
        else if (http.RequestAborted.IsCancellationRequested)
        {
            Status = new Status(StatusCode.Cancelled, "The caller went away.");
        }
        else
        {
            log.MethodFailed(reason, method.FullName);
            Status = new Status(StatusCode.Unknown, "Exception was thrown by handler.");
            return;
        }

        log.MethodRefused(reason, method.FullName, Status.StatusCode);
    }

    /// <summary>Ends the response: in trailers after a message, else in the headers, which then are all there is.</summary>
    public void SendStatus()
    {
        var target = http.Response.HasStarted ? http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers : http.Response.Headers;
        target[Headers.Status] = ((int)Status.StatusCode).ToString(CultureInfo.InvariantCulture);
        if (!string.IsNullOrEmpty(Status.Detail))
        {
            target[Headers.Message] = Headers.EncodeMessage(Status.Detail);
        }

        Append(target, ResponseTrailers);
    }

    public void Dispose()
    {
        _stop?.Dispose();
        _deadlinePassed?.Dispose();
    }

    public override Task WriteResponseHeadersAsync(Metadata responseHeaders)
    {
        if (http.Response.HasStarted)
        {
            throw new InvalidOperationException("Response headers were sent before.");
        }

        Append(http.Response.Headers, responseHeaders);
        return http.Response.BodyWriter.FlushAsync(CancellationToken).AsTask();
    }

    private static void Append(IHeaderDictionary target, Metadata metadata)
    {
        foreach (var entry in metadata.Where(entry => !Headers.IsReserved(entry.Key)))
        {
            target.Append(entry.Key, entry.WireValue);
        }
    }

    private void SetDeadline(string text)
    {
        if (!Headers.TryDecodeTimeout(text, out var timeout))
        {
            throw new RpcException(new Status(StatusCode.Internal, $"{text} is no timeout."));
        }

        var now = clock.GetUtcNow().UtcDateTime;
        _deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        if (timeout < LongestTimer)
        {
            _deadlinePassed = new CancellationTokenSource(timeout, clock);
            _stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _deadlinePassed.Token);
        }
    }

    private Metadata ReadRequestHeaders()
    {
        var metadata = new Metadata();
        foreach (var (name, values) in http.Request.Headers)
        {
            foreach (var value in values)
            {
                metadata.AddFromWire(name, value ?? "");
            }
        }

        return metadata;
    }
}
