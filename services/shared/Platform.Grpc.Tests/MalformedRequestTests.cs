using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Platform.Grpc.Tests;

/// <summary>What a peer may send: each a clear status, and the server serves on.</summary>
public sealed class MalformedRequestTests
{
    private const int Hung = 60_000;

    public static TheoryData<string, byte[], StatusCode> Bodies => new()
    {
        { "nothing", [], StatusCode.Internal },
        { "half a header", [0, 0, 0], StatusCode.Internal },
        { "half a message", [0, 0, 0, 0, 10, 1, 2, 3], StatusCode.Internal },
        { "a message of 4 GiB announced", [0, 255, 255, 255, 255, 1], StatusCode.ResourceExhausted },
        { "a byte more than allowed announced", [0, 0, 64, 0, 1], StatusCode.ResourceExhausted },
        { "marked as compressed, without encoding", [1, 0, 0, 0, 0], StatusCode.Internal },
        { "an unknown flag", [2, 0, 0, 0, 0], StatusCode.Internal },
        { "no protobuf", Frame([255, 255, 255]), StatusCode.Internal },
        { "two messages", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], StatusCode.Internal },
    };

    [Theory(Timeout = Hung)]
    [MemberData(nameof(Bodies))]
    public async Task A_broken_body_is_refused(string what, byte[] body, StatusCode expected)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answer = await Post(server, body);

        Assert.True(expected == answer.Status, $"{what}: {answer}");
        Assert.Equal("still there", (await server.Client.SayAsync(new Line { Text = "still there" })).Text);
    }

    [Theory(Timeout = Hung)]
    [MemberData(nameof(Bodies))]
    public async Task A_broken_stream_is_refused(string what, byte[] body, StatusCode expected)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answer = await Post(server, body, method: "Collect");

        var allowed = what is "nothing" or "two messages";
        Assert.True((allowed ? StatusCode.OK : expected) == answer.Status, $"{what}: {answer}");
    }

    [Fact(Timeout = Hung)]
    public async Task A_message_that_comes_byte_by_byte_is_read()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        var body = new ByteByByte(Frame(new Line { Text = "slowly" }.ToByteArray()));

        var answer = await Post(server, body);

        Assert.Equal(StatusCode.OK, answer.Status);
    }

    [Fact(Timeout = Hung)]
    public async Task A_compressed_message_is_read()
    {
        await using var server = await ConversationServer.Start(new Script { Say = (line, _) => throw new RpcException(new Status(StatusCode.NotFound, line.Text)) });
        var body = Frame(Gzip(new Line { Text = new string('a', 10_000) }.ToByteArray()), flag: 1);

        var answer = await Post(server, body, ("grpc-encoding", "gzip"));

        Assert.Equal(StatusCode.NotFound, answer.Status);
        Assert.Equal(new string('a', 10_000), answer.Detail);
    }

    [Fact(Timeout = Hung)]
    public async Task A_message_that_grows_beyond_the_limit_is_refused()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        var body = Frame(Gzip(new byte[50_000_000]), flag: 1);

        Assert.Equal(StatusCode.ResourceExhausted, (await Post(server, body, ("grpc-encoding", "gzip"))).Status);
    }

    [Theory(Timeout = Hung)]
    [InlineData("grpc-encoding", "gzip", StatusCode.Internal)] // marked as compressed, but no gzip
    [InlineData("grpc-encoding", "identity", StatusCode.Internal)] // marked as compressed all the same
    [InlineData("grpc-encoding", "snappy", StatusCode.Unimplemented)]
    [InlineData("grpc-timeout", "soon", StatusCode.Internal)]
    public async Task A_header_that_cannot_be_served_is_refused(string name, string value, StatusCode expected)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answer = await Post(server, Frame([1, 2, 3], flag: 1), (name, value));

        Assert.Equal(expected, answer.Status);
        Assert.Equal(expected == StatusCode.Unimplemented ? "identity,gzip" : null, answer.AcceptEncoding);
    }

    [Fact(Timeout = Hung)]
    public async Task Bytes_that_are_not_base64_are_refused_where_they_are_read()
    {
        await using var server = await ConversationServer.Start(new Script { Say = (line, context) => Task.FromResult(new Line { Count = context.RequestHeaders.Count }) });

        Assert.Equal(StatusCode.Internal, (await Post(server, Frame([]), ("x-bin", "?!"))).Status);
    }

    [Theory(Timeout = Hung)]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    public async Task Another_content_type_is_an_unsupported_media_type(string contentType)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answer = await Post(server, Frame([]), contentType: contentType);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Http);
        Assert.Null(answer.Status);
    }

    [Theory(Timeout = Hung)]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc; charset=utf-8")]
    public async Task Variants_of_the_content_type_are_served(string contentType)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        Assert.Equal(StatusCode.OK, (await Post(server, Frame([]), contentType: contentType)).Status);
    }

    [Fact(Timeout = Hung)]
    public async Task HTTP_1_is_told_to_upgrade()
    {
        await using var server = await ConversationServer.Start(
            Script.Echo, builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1)));

        Assert.Equal(HttpStatusCode.UpgradeRequired, (await Post(server, Frame([]), version: HttpVersion.Version11)).Http);
    }

    [Fact(Timeout = Hung)]
    public async Task A_caller_that_vanishes_within_a_message_is_cancelled()
    {
        var reason = new TaskCompletionSource<Exception?>();
        var entered = new TaskCompletionSource();
        await using var server = await ConversationServer.Start(new Script
        {
            Collect = async (lines, _) =>
            {
                entered.SetResult();
                reason.SetResult(await Record.ExceptionAsync(() => lines.MoveNext(default)));
                return new Line();
            },
        });
        using var gone = new CancellationTokenSource();
        var posting = Post(server, new Unfinished([0, 0, 0, 0, 10, 1]), method: "Collect", cancellationToken: gone.Token);
        await entered.Task;

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        Assert.True(await reason.Task is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled });
    }

    private static byte[] Frame(byte[] message, byte flag = 0) =>
        [flag, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static byte[] Gzip(byte[] plain)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(plain);
        }

        return compressed.ToArray();
    }

    private static Task<Answer> Post(
        ConversationServer server, byte[] body, (string Name, string Value)? header = null, string contentType = "application/grpc", string method = "Say", Version? version = null) =>
        Post(server, new ByteArrayContent(body), header, contentType, method, version);

    private static async Task<Answer> Post(
        ConversationServer server,
        HttpContent body,
        (string Name, string Value)? header = null,
        string contentType = "application/grpc",
        string method = "Say",
        Version? version = null,
        CancellationToken cancellationToken = default)
    {
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, $"/platform.grpc.tests.Conversation/{method}"))
        {
            Version = version ?? HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body,
        };
        body.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        if (header is { } given)
        {
            request.Headers.TryAddWithoutValidation(given.Name, given.Value);
        }

        using var response = await http.SendAsync(request, cancellationToken);
        await response.Content.ReadAsByteArrayAsync(cancellationToken);
        var status = Text(response.TrailingHeaders, "grpc-status") ?? Text(response.Headers, "grpc-status");
        return new(
            response.StatusCode,
            status is null ? null : (StatusCode)int.Parse(status, CultureInfo.InvariantCulture),
            Text(response.TrailingHeaders, "grpc-message") ?? Text(response.Headers, "grpc-message"),
            Text(response.Headers, "grpc-accept-encoding"));
    }

    private static string? Text(HttpResponseHeaders headers, string name) => headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    private sealed record Answer(HttpStatusCode Http, StatusCode? Status, string? Detail, string? AcceptEncoding);

    private sealed class ByteByByte(byte[] bytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var single in bytes)
            {
                await stream.WriteAsync(new[] { single });
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    private sealed class Unfinished(byte[] start) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, default);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(start, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
