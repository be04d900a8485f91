using System.IO.Compression;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;

namespace Platform.Grpc.Tests;

/// <summary>What a server may answer: each a clear status, and nobody waits for ever.</summary>
public sealed class MalformedResponseTests
{
    private const int Hung = 60_000;

    public static TheoryData<string, byte[], StatusCode> Bodies => new()
    {
        { "no message", [], StatusCode.Internal },
        { "half a header", [0, 0, 0], StatusCode.Internal },
        { "half a message", [0, 0, 0, 0, 10, 1, 2, 3], StatusCode.Internal },
        { "a message of 4 GiB announced", [0, 255, 255, 255, 255, 1], StatusCode.ResourceExhausted },
        { "marked as compressed, without encoding", [1, 0, 0, 0, 0], StatusCode.Internal },
        { "no protobuf", [0, 0, 0, 0, 3, 255, 255, 255], StatusCode.Internal },
        { "two messages", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], StatusCode.Internal },
    };

    [Theory(Timeout = Hung)]
    [MemberData(nameof(Bodies))]
    public async Task A_broken_response_is_an_error(string what, byte[] body, StatusCode expected)
    {
        await using var server = await Answering(body, "0");

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.True(expected == failed.StatusCode, $"{what}: {failed.Status}");
    }

    [Theory(Timeout = Hung)]
    [InlineData(null, "ended the call without a status")]
    [InlineData("seventeen", "Unknown status seventeen")]
    [InlineData("99", "Unknown status 99")]
    public async Task A_status_that_is_none_is_unknown(string? status, string detail)
    {
        await using var server = await Answering([0, 0, 0, 0, 0], status);

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(StatusCode.Unknown, failed.StatusCode);
        Assert.Contains(detail, failed.Status.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = Hung)]
    public async Task Another_content_type_is_unknown()
    {
        await using var server = await ConversationServer.StartRaw(context => context.Response.WriteAsync("hello"));

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(StatusCode.Unknown, failed.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_status_without_anything_else_is_read_from_the_headers()
    {
        await using var server = await ConversationServer.StartRaw(context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "5";
            context.Response.Headers["grpc-message"] = "not %E3%81%82 here, 100%, %zz";
            context.Response.Headers["x-more"] = "and more";
            return Task.CompletedTask;
        });

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(new Status(StatusCode.NotFound, "not あ here, 100%, %zz"), failed.Status);
        Assert.Equal("and more", failed.Trailers.GetValue("x-more"));
        Assert.Null(failed.Trailers.Get("grpc-status"));
    }

    [Fact(Timeout = Hung)]
    public async Task An_empty_stream_may_be_a_status_alone()
    {
        await using var server = await ConversationServer.StartRaw(context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "0";
            return Task.CompletedTask;
        });
        using var call = server.Client.Recite(new Line());

        Assert.False(await call.ResponseStream.MoveNext(default));
    }

    [Fact(Timeout = Hung)]
    public async Task A_compressed_response_is_read()
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            new Line { Text = new string('z', 1000) }.WriteTo(gzip);
        }

        var message = compressed.ToArray();
        await using var server = await Answering([1, 0, 0, 0, (byte)message.Length, .. message], "0", "gzip");

        Assert.Equal(new string('z', 1000), (await server.Client.SayAsync(new Line())).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task A_response_within_its_own_limit_is_read_and_a_longer_one_refused()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { MaxReceiveMessageSize = 102 });
        var client = new Conversation.ConversationClient(channel);

        Assert.Equal(100, (await client.SayAsync(new Line { Text = new string('a', 100) })).Text.Length);
        var refused = await Assert.ThrowsAsync<RpcException>(() => client.SayAsync(new Line { Text = new string('a', 101) }).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_stream_that_is_reset_ends_with_a_status()
    {
        await using var server = await ConversationServer.StartRaw(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(new byte[] { 0, 0, 0, 0, 0, 0 });
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        using var call = server.Client.Recite(new Line());

        // Whether the message is still delivered depends on which comes first.
        var failed = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.ReadAllAsync().CountAsync().AsTask());
        Assert.Equal(StatusCode.Internal, failed.StatusCode);
    }

    private static Task<ConversationServer> Answering(byte[] body, string? status, string? encoding = null) => ConversationServer.StartRaw(async context =>
    {
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-encoding"] = encoding;
        await context.Response.Body.WriteAsync(body);
        await context.Response.Body.FlushAsync();
        if (status is not null)
        {
            context.Response.AppendTrailer("grpc-status", status);
        }
    });
}
