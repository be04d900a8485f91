using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Platform.Testing;

namespace Platform.Grpc.Tests;

/// <summary>Every end of a call is one status.</summary>
public sealed class StatusTests
{
    private const int Hung = 60_000;

    [Theory(Timeout = Hung)]
    [InlineData("plain")]
    [InlineData("100 % sure: 契約がありません\nsecond line\t\u0001")]
    [InlineData("")]
    public async Task A_refusal_comes_with_its_code_detail_and_trailers(string detail)
    {
        var trailers = new Metadata { { "platform-code", "no-contract" }, { "platform-bin", [0, 255, 10] } };
        await using var server = await ConversationServer.Start(new Script
        {
            Say = (_, _) => throw new RpcException(new Status(StatusCode.FailedPrecondition, detail), trailers),
        });

        using var call = server.Client.SayAsync(new Line());
        var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Equal(detail, refused.Status.Detail);
        Assert.Equal("no-contract", refused.Trailers.GetValue("Platform-Code"));
        Assert.Equal([0, 255, 10], refused.Trailers.GetValueBytes("platform-bin"));
        Assert.Equal(StatusCode.FailedPrecondition, call.GetStatus().StatusCode);
        Assert.Equal("no-contract", call.GetTrailers().GetValue("platform-code"));
    }

    [Fact(Timeout = Hung)]
    public async Task A_stream_that_fails_gives_its_messages_first()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Recite = async (_, lines, _) =>
            {
                await lines.WriteAsync(new Line { Text = "first" });
                throw new RpcException(new Status(StatusCode.Aborted, "enough"));
            },
        });

        using var call = server.Client.Recite(new Line());

        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.Equal("first", call.ResponseStream.Current.Text);
        var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(new Status(StatusCode.Aborted, "enough"), refused.Status);
        await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
    }

    [Fact(Timeout = Hung)]
    public async Task A_method_may_set_its_status_without_throwing()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Recite = (_, _, context) =>
            {
                context.Status = new Status(StatusCode.NotFound, "nothing to recite");
                return Task.CompletedTask;
            },
        });

        using var call = server.Client.Recite(new Line());

        var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(new Status(StatusCode.NotFound, "nothing to recite"), refused.Status);
    }

    [Fact(Timeout = Hung)]
    public async Task The_text_of_an_unexpected_exception_is_logged_and_does_not_leave_the_process()
    {
        var log = new LogOfErrors();
        await using var server = await ConversationServer.Start(
            new Script { Say = (_, _) => throw new InvalidOperationException("password=secret") },
            builder => builder.Services.AddSingleton<ILoggerProvider>(log));

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(new Status(StatusCode.Unknown, "Exception was thrown by handler."), failed.Status);
        Assert.Equal("password=secret", Assert.Single(log.Errors).Message);
    }

    [Fact(Timeout = Hung)]
    public async Task A_method_that_is_not_implemented_says_so()
    {
        await using var server = await ConversationServer.Start(new Script());

        var refused = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(StatusCode.Unimplemented, refused.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_service_that_is_not_there_is_not_implemented()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        var health = new global::Grpc.Health.V1.Health.HealthClient(server.Channel);

        var refused = await Assert.ThrowsAsync<RpcException>(() => health.CheckAsync(new()).ResponseAsync);

        Assert.Equal(StatusCode.Unimplemented, refused.StatusCode);
    }

    [Theory(Timeout = Hung)]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(500, StatusCode.Unknown)]
    [InlineData(302, StatusCode.Unknown)]
    public async Task An_answer_of_something_between_becomes_a_status(int http, StatusCode expected)
    {
        await using var server = await ConversationServer.StartRaw(context =>
        {
            context.Response.StatusCode = http;
            return context.Response.WriteAsync("<html>");
        });

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);
        Assert.Equal(expected, failed.StatusCode);
        using var streaming = server.Client.Converse();
        failed = await Assert.ThrowsAsync<RpcException>(() => streaming.ResponseStream.MoveNext(default));
        Assert.Equal(expected, failed.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        using var channel = global::Grpc.Net.Client.GrpcChannel.ForAddress($"http://127.0.0.1:{Loopback.FreePort()}");
        var client = new Conversation.ConversationClient(channel);

        var failed = await Assert.ThrowsAsync<RpcException>(() => client.SayAsync(new Line()).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, failed.StatusCode);
        using var streaming = client.Collect();
        failed = await Assert.ThrowsAsync<RpcException>(() => streaming.RequestStream.WriteAsync(new Line()));
        Assert.Equal(StatusCode.Unavailable, failed.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_that_speaks_only_HTTP_1_is_an_internal_error()
    {
        await using var server = await ConversationServer.StartRaw(context => context.Response.WriteAsync("hello"), HttpProtocols.Http1);

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(StatusCode.Internal, failed.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_that_is_taken_down_within_a_call_is_unavailable()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Recite = async (_, lines, context) =>
            {
                await lines.WriteAsync(new Line());
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            },
        });
        using var call = server.Client.Recite(new Line());
        Assert.True(await call.ResponseStream.MoveNext(default));

        await server.Stop(new CancellationToken(canceled: true)); // without waiting for calls to end

        var failed = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unavailable, failed.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task The_status_of_a_call_that_has_not_ended_is_not_to_be_had()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        using var call = server.Client.Converse();

        Assert.Throws<InvalidOperationException>(() => call.GetStatus());
        Assert.Throws<InvalidOperationException>(() => call.GetTrailers());
    }

    private sealed class LogOfErrors : ILoggerProvider, ILogger
    {
        public List<Exception> Errors { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error && exception is not null)
            {
                Errors.Add(exception);
            }
        }
    }
}
