using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using Platform.Testing;

namespace Platform.Grpc.Tests;

/// <summary>Our client calls @grpc/grpc-js, which answers in gzip.</summary>
public sealed class GrpcJsServerTests(GrpcJs js) : IAsyncLifetime
{
    private const int Hung = 60_000;

    private readonly TemporaryFolder _folder = new("grpc-js");
    private ServerProcess? _server;
    private GrpcChannel? _channel;

    private Conversation.ConversationClient Client => new(_channel!);

    public async ValueTask InitializeAsync()
    {
        js.Required();
        var port = Loopback.FreePort();
        _server = ServerProcess.Start(
            "grpc-js",
            Path.Combine(_folder.FullName, "log"),
            ["node", GrpcJs.Script("server.js"), port.ToString(CultureInfo.InvariantCulture), GrpcJs.Protos]);
        await _server.Ready(token => Loopback.Answers("127.0.0.1", port, token), TimeSpan.FromSeconds(20));
        _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        await (_server?.DisposeAsync() ?? default);
        _folder.Dispose();
    }

    [Fact(Timeout = Hung)]
    public async Task It_gives_a_response()
    {
        var text = string.Concat(Enumerable.Repeat("お元気ですか", 10_000));

        Assert.Equal(text, (await Client.SayAsync(new Line { Text = text })).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task It_sees_our_metadata_and_deadline_and_gives_its_own()
    {
        var headers = new Metadata { { "x-text", "plain" }, { "x-bytes-bin", [0, 1, 254, 255] } };

        using var call = Client.SayAsync(new Line { Text = "metadata" }, headers, TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(10));
        var answer = await call;

        Assert.Equal(new Line { Text = "plain", Count = 1 }, answer);
        Assert.Equal([0, 1, 254, 255], (await call.ResponseHeadersAsync).GetValueBytes("x-bytes-bin"));
        Assert.Equal("in-trailers", call.GetTrailers().GetValue("platform-code"));
    }

    [Fact(Timeout = Hung)]
    public async Task Its_refusal_is_understood()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Client.SayAsync(new Line { Text = "refused" }).ResponseAsync);

        IsRefusal(refused);
    }

    [Fact(Timeout = Hung)]
    public async Task Its_stream_is_read_to_the_end()
    {
        using var call = Client.Recite(new Line { Text = "verse", Count = 100 });

        Assert.Equal(Enumerable.Range(0, 100), await call.ResponseStream.ReadAllAsync().Select(line => line.Count).ToListAsync());
    }

    [Fact(Timeout = Hung)]
    public async Task Its_refusal_after_messages_is_understood()
    {
        using var call = Client.Recite(new Line { Text = "refused", Count = 2 });

        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.True(await call.ResponseStream.MoveNext(default));
        IsRefusal(await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default)));
    }

    [Fact(Timeout = Hung)]
    public async Task It_collects_what_we_send()
    {
        using var call = Client.Collect();
        foreach (var word in new[] { "one", "two", "three" })
        {
            await call.RequestStream.WriteAsync(new Line { Text = word });
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal("one two three", (await call).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task When_it_ends_a_call_early_our_writes_end_with_its_status()
    {
        using var call = Client.Collect();
        var load = Google.Protobuf.ByteString.CopyFrom(new byte[100_000]);

        IsRefusal(await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
            {
                await call.RequestStream.WriteAsync(new Line { Text = "enough", Load = load });
            }
        }));
    }

    [Fact(Timeout = Hung)]
    public async Task It_converses()
    {
        using var call = Client.Converse();
        for (var i = 0; i < 10; i++)
        {
            await call.RequestStream.WriteAsync(new Line { Count = i });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(i, call.ResponseStream.Current.Count);
        }

        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(default));
    }

    [Fact(Timeout = Hung)]
    public async Task We_stop_waiting_for_it_at_the_deadline()
    {
        var soon = TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(300);

        var late = await Assert.ThrowsAsync<RpcException>(() => Client.SayAsync(new Line { Text = "endless" }, deadline: soon).ResponseAsync);

        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task When_it_is_killed_within_a_call_it_is_unavailable()
    {
        using var call = Client.Recite(new Line { Text = "endless", Count = 1 });
        Assert.True(await call.ResponseStream.MoveNext(default));

        await _server!.Kill();

        var lost = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unavailable, lost.StatusCode);
    }

    private static void IsRefusal(RpcException refused)
    {
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Equal("契約がありません 100%", refused.Status.Detail);
        Assert.Equal("no-contract", refused.Trailers.GetValue("platform-code"));
        Assert.Equal([0, 255, 10], refused.Trailers.GetValueBytes("platform-bin"));
    }
}
