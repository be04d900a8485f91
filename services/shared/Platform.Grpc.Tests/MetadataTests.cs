using Grpc.Core;
using Platform.Grpc.Wire;

namespace Platform.Grpc.Tests;

/// <summary>Headers and trailers.</summary>
public sealed class MetadataTests
{
    private const int Hung = 60_000;

    [Fact(Timeout = Hung)]
    public async Task Headers_go_to_the_server_and_back_text_bytes_and_repeated()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Say = async (_, context) =>
            {
                var heard = new Metadata();
                foreach (var entry in context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-", StringComparison.Ordinal)))
                {
                    heard.Add(entry);
                }

                heard.Add("y-many", "1");
                heard.Add("y-many", "2");
                await context.WriteResponseHeadersAsync(heard);
                return new Line();
            },
        });
        var headers = new Metadata { { "X-Text", "a, b" }, { "x-many", "1" }, { "x-many", "2" }, { "x-key-bin", [1, 2, 3, 4] }, { "x-key-bin", [] } };

        using var call = server.Client.SayAsync(new Line(), headers);
        await call;
        var returned = await call.ResponseHeadersAsync;

        Assert.Equal("a, b", returned.GetValue("x-text"));
        Assert.Equal(["1, 2"], returned.GetAll("x-many").Select(entry => entry.Value)); // HttpClient joins text, as HTTP allows
        Assert.Equal(["1", "2"], returned.GetAll("y-many").Select(entry => entry.Value));
        Assert.Equal([[1, 2, 3, 4], []], returned.GetAll("x-key-bin").Select(entry => entry.ValueBytes));
    }

    [Fact(Timeout = Hung)]
    public async Task Headers_of_the_protocol_are_not_the_applications()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Say = (_, context) => Task.FromResult(new Line { Text = string.Join(' ', context.RequestHeaders.Select(entry => entry.Key).Order()) }),
        });
        var forged = new Metadata { { "grpc-timeout", "1n" }, { "content-type", "text/plain" }, { "x-own", "1" }, { "grpc-trace-bin", [1] } };

        Assert.Equal("grpc-trace-bin user-agent x-own", (await server.Client.SayAsync(new Line(), forged)).Text);
    }

    [Theory]
    [InlineData("key", "日本")]
    [InlineData("key", "two\nlines")]
    [InlineData("key-bin", "text under a key for bytes")]
    [InlineData("ke y", "value")]
    [InlineData("", "value")]
    public void What_could_not_be_sent_is_refused_where_it_is_added(string key, string value) =>
        Assert.Throws<ArgumentException>(() => new Metadata { { key, value } });

    [Fact]
    public void Bytes_want_a_key_that_says_so() => Assert.Throws<ArgumentException>(() => new Metadata { { "key", [1] } });

    [Fact]
    public void The_last_of_several_values_counts()
    {
        var metadata = new Metadata { { "key", "first" }, { "key", "last" } };

        Assert.Equal("last", metadata.GetValue("KEY"));
        Assert.Null(metadata.GetValue("other"));
    }

    [Theory]
    [InlineData("00:00:00.0000001", "1m")]
    [InlineData("00:00:05", "5000m")]
    [InlineData("1.03:46:39.999", "99999999m")]
    [InlineData("1.03:46:40", "100000S")]
    [InlineData("3000.00:00:00", "4320000M")]
    [InlineData("10675199.00:00:00", "99999999H")]
    public void A_timeout_takes_at_most_eight_digits_and_is_never_shortened(string timeout, string expected) =>
        Assert.Equal(expected, Headers.EncodeTimeout(TimeSpan.Parse(timeout, System.Globalization.CultureInfo.InvariantCulture)));

    [Theory]
    [InlineData("1H", 36_000_000_000)]
    [InlineData("2M", 1_200_000_000)]
    [InlineData("3S", 30_000_000)]
    [InlineData("4m", 40_000)]
    [InlineData("5u", 50)]
    [InlineData("600n", 6)]
    [InlineData("99999999H", 99_999_999 * 36_000_000_000)]
    public void Every_unit_of_a_timeout_is_understood(string text, long ticks)
    {
        Assert.True(Headers.TryDecodeTimeout(text, out var timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("5")]
    [InlineData("5x")]
    [InlineData("-5S")]
    [InlineData("123456789S")]
    public void What_is_no_timeout_is_none(string text) => Assert.False(Headers.TryDecodeTimeout(text, out _));
}
