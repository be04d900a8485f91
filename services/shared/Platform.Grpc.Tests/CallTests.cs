using Grpc.Core;

namespace Platform.Grpc.Tests;

/// <summary>The four kinds of calls through generated code.</summary>
public sealed class CallTests
{
    private static readonly Script Echo = new()
    {
        Say = (line, _) => Task.FromResult(line),
        Collect = async (lines, _) => new Line { Text = string.Join(' ', await lines.ReadAllAsync().Select(line => line.Text).ToListAsync()) },
        Recite = async (line, lines, _) =>
        {
            for (var i = 0; i < line.Count; i++)
            {
                await lines.WriteAsync(new Line { Text = line.Text, Count = i });
            }
        },
        Converse = async (heard, said, _) =>
        {
            await foreach (var line in heard.ReadAllAsync())
            {
                await said.WriteAsync(line);
            }
        },
    };

    [Fact]
    public async Task One_request_gets_one_response()
    {
        await using var server = await ConversationServer.Start(Echo);

        var answer = await server.Client.SayAsync(new Line { Text = "お元気ですか" });

        Assert.Equal("お元気ですか", answer.Text);
    }

    [Fact]
    public async Task A_blocking_call_gets_its_response()
    {
        await using var server = await ConversationServer.Start(Echo);

        Assert.Equal("hello", server.Client.Say(new Line { Text = "hello" }, cancellationToken: TestContext.Current.CancellationToken).Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task One_request_gets_many_responses_in_order(int count)
    {
        await using var server = await ConversationServer.Start(Echo);

        using var call = server.Client.Recite(new Line { Text = "verse", Count = count });
        var counts = await call.ResponseStream.ReadAllAsync().Select(line => line.Count).ToListAsync();

        Assert.Equal(Enumerable.Range(0, count), counts);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Many_requests_get_one_response()
    {
        await using var server = await ConversationServer.Start(Echo);

        using var call = server.Client.Collect();
        foreach (var word in new[] { "one", "two", "three" })
        {
            await call.RequestStream.WriteAsync(new Line { Text = word });
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal("one two three", (await call).Text);
    }

    [Fact]
    public async Task Each_request_gets_its_response_while_the_next_is_not_yet_sent()
    {
        await using var server = await ConversationServer.Start(Echo);

        using var call = server.Client.Converse();
        for (var i = 0; i < 10; i++)
        {
            await call.RequestStream.WriteAsync(new Line { Count = i });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(i, call.ResponseStream.Current.Count);
        }

        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(default));
    }

    [Fact]
    public async Task Long_messages_go_both_ways_in_every_kind_of_call()
    {
        await using var server = await ConversationServer.Start(Echo);
        var load = Google.Protobuf.ByteString.CopyFrom([.. Enumerable.Range(0, 3_000_000).Select(i => (byte)i)]);

        Assert.Equal(load, (await server.Client.SayAsync(new Line { Load = load })).Load);
        using var call = server.Client.Converse();
        for (var i = 0; i < 5; i++)
        {
            await call.RequestStream.WriteAsync(new Line { Load = load });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(load, call.ResponseStream.Current.Load);
        }
    }
}
