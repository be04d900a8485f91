using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Client;

/// <summary>How a call ended, and how that is read from what HTTP shows.</summary>
internal sealed record Outcome(Status Status, Metadata Trailers)
{
    public static readonly Outcome Cancelled = Plain(StatusCode.Cancelled, "The caller ended the call.");
    public static readonly Outcome DeadlineExceeded = Plain(StatusCode.DeadlineExceeded, "The deadline passed.");
    public static readonly Outcome Missing = Plain(StatusCode.Unknown, "The server ended the call without a status.");

    public RpcException ToException() => new(Status, Trailers);

    /// <summary>The status in trailers, or in headers when the server sent nothing else; null when there is none.</summary>
    public static Outcome? In(HttpResponseHeaders headers)
    {
        if (headers.Text(Headers.Status) is not { } text)
        {
            return null;
        }

        var known = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) && code <= (int)StatusCode.Unauthenticated;
        var detail = Headers.DecodeMessage(headers.Text(Headers.Message) ?? "");
        return new Outcome(
            known ? new Status((StatusCode)code, detail) : new Status(StatusCode.Unknown, $"Unknown status {text}: {detail}"),
            headers.ToMetadata());
    }

    /// <summary>Why a response is no answer of the method; null when it is one.</summary>
    public static Outcome? OfRefusal(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return new Outcome(new Status(CodeOf(response.StatusCode), $"HTTP status {(int)response.StatusCode}."), response.Headers.ToMetadata());
        }

        if (!Headers.IsGrpc(response.Content.Headers.ContentType?.ToString()))
        {
            return Plain(StatusCode.Unknown, $"The content type is not gRPC: {response.Content.Headers.ContentType}.");
        }

        return In(response.Headers) is { Status.StatusCode: not StatusCode.OK } failure ? failure : null;
    }

    /// <summary>What an exception of the exchange means.</summary>
    public static Outcome Of(Exception reason, bool deadlinePassed)
    {
        if (reason is RpcException answered)
        {
            return new Outcome(answered.Status, answered.Trailers);
        }

        if (deadlinePassed)
        {
            return DeadlineExceeded;
        }

        var reset = reason as HttpProtocolException ?? reason.InnerException as HttpProtocolException;
        var code = reason switch
        {
            _ when reset is not null => CodeOf(reset.ErrorCode),
            HttpRequestException or IOException or OperationCanceledException => StatusCode.Unavailable,
            _ => StatusCode.Internal,
        };
        return new Outcome(new Status(code, $"The call failed: {reason.Message}", reason), []);
    }

    /// <summary>As http-grpc-status-mapping.md of the gRPC project says.</summary>
    private static StatusCode CodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout =>
            StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    /// <summary>Error codes of RFC 9113, section 7, as PROTOCOL-HTTP2.md maps them; a connection closed in good order can be tried again.</summary>
    private static StatusCode CodeOf(long http2Error) => http2Error switch
    {
        0x0 or 0x7 => StatusCode.Unavailable, // NO_ERROR, REFUSED_STREAM
        0x8 => StatusCode.Cancelled, // CANCEL
        0xb => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
        0xc => StatusCode.PermissionDenied, // INADEQUATE_SECURITY
        _ => StatusCode.Internal,
    };

    private static Outcome Plain(StatusCode code, string detail) => new(new Status(code, detail), []);
}

/// <summary>Metadata in the headers of HttpClient, without its parsing.</summary>
internal static class HttpHeadersExtensions
{
    public static void Add(this HttpRequestHeaders headers, Metadata metadata)
    {
        foreach (var entry in metadata.Where(entry => !Headers.IsReserved(entry.Key)))
        {
            headers.TryAddWithoutValidation(entry.Key, entry.WireValue);
        }
    }

    public static string? Text(this HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    public static Metadata ToMetadata(this HttpResponseHeaders headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers.NonValidated)
        {
            foreach (var value in values)
            {
                metadata.AddFromWire(name, value);
            }
        }

        return metadata;
    }
}
