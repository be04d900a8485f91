using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Platform.Testing;

namespace Platform.Grpc.Tests;

/// <summary>@grpc/grpc-js calls our server.</summary>
public sealed class GrpcJsClientTests(GrpcJs js)
{
    private const int Hung = 60_000;

    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Script Script => new()
    {
        Say = async (line, context) =>
        {
            switch (line.Text)
            {
                case "refused":
                    throw new RpcException(
                        new Status(StatusCode.FailedPrecondition, "契約がありません 100%"),
                        new Metadata { { "platform-code", "no-contract" }, { "platform-bin", [0, 255, 10] } });
                case "broken":
                    throw new InvalidOperationException("secret");
                case "endless":
                    await UntilStopped(context);
                    break;
                case "metadata":
                    var headers = new Metadata();
                    foreach (var entry in context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-", StringComparison.Ordinal)))
                    {
                        headers.Add(entry);
                    }

                    await context.WriteResponseHeadersAsync(headers);
                    context.ResponseTrailers.Add("platform-code", "in-trailers");
                    break;
            }

            return line;
        },
        Collect = Script.Echo.Collect,
        Converse = Script.Echo.Converse,
        Recite = async (line, lines, context) =>
        {
            if (line.Text == "endless")
            {
                await lines.WriteAsync(line);
                await UntilStopped(context);
            }

            await Script.Echo.Recite!(line, lines, context);
        },
    };

    [Fact(Timeout = Hung)]
    public async Task It_gets_a_response()
    {
        var seen = await Run("say");

        Assert.Equal(["こんにちは"], seen.Texts);
        Assert.Equal(7, seen.Count);
    }

    [Fact(Timeout = Hung)]
    public async Task Its_compressed_messages_are_read() => Assert.Equal([new string('a', 100_000)], (await Run("compressed")).Texts);

    [Fact(Timeout = Hung)]
    public async Task Its_metadata_come_and_go()
    {
        var seen = await Run("metadata");

        Assert.Equal("plain", seen.Header);
        Assert.Equal([0, 1, 254, 255, 9], seen.Bytes!);
        Assert.Equal("in-trailers", seen.Trailer);
    }

    [Fact(Timeout = Hung)]
    public async Task It_is_told_a_refusal()
    {
        var seen = await Run("refused");

        Assert.Equal(StatusCode.FailedPrecondition, seen.Code);
        Assert.Equal("契約がありません 100%", seen.Details);
        Assert.Equal("no-contract", seen.Trailer);
        Assert.Equal([0, 255, 10], seen.Bytes!);
    }

    [Theory(Timeout = Hung)]
    [InlineData("broken", StatusCode.Unknown)]
    [InlineData("missing", StatusCode.Unimplemented)]
    public async Task It_is_told_a_failure(string scenario, StatusCode expected) => Assert.Equal(expected, (await Run(scenario)).Code);

    [Theory(Timeout = Hung)]
    [InlineData("deadline", StatusCode.DeadlineExceeded)]
    [InlineData("cancelled", StatusCode.Cancelled)]
    public async Task When_it_stops_waiting_the_method_stops(string scenario, StatusCode expected)
    {
        Assert.Equal(expected, (await Run(scenario)).Code);
        await _stopped.Task;
    }

    [Theory(Timeout = Hung)]
    [InlineData("recite", new[] { "verse", "verse", "verse" })]
    [InlineData("collect", new[] { "one two three" })]
    [InlineData("converse", new[] { "line 0", "line 1", "line 2" })]
    [InlineData("health", new[] { "SERVING" })]
    public async Task It_streams(string scenario, string[] expected) => Assert.Equal(expected, (await Run(scenario)).Texts);

    private async Task<Seen> Run(string scenario)
    {
        js.Required();
        await using var server = await ConversationServer.Start<ScriptedConversation>(
            builder =>
            {
                builder.Services.AddSingleton(Script);
                builder.Services.AddGrpcHealthChecks();
            },
            app => app.MapGrpcHealthChecksService());
        var json = await Command.Run(["node", GrpcJs.Script("client.js"), server.Address.Authority, scenario, GrpcJs.Protos]);
        return JsonSerializer.Deserialize<Seen>(json, JsonSerializerOptions.Web)!;
    }

    private async Task UntilStopped(ServerCallContext context)
    {
        try
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }
        finally
        {
            _stopped.SetResult();
        }
    }

    private sealed record Seen(string[] Texts, int Count, StatusCode Code, string? Details, string? Header, string? Trailer, int[]? Bytes);
}
