using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Testing;

namespace Platform.Grpc.Tests;

/// <summary>Deadlines and cancellation. Client and server have clocks of their own, which move by hand.</summary>
public sealed class DeadlineTests : IDisposable
{
    private const int Hung = 60_000;

    private readonly ManualTimeProvider _clientClock = new();
    private readonly ManualTimeProvider _serverClock = new(new(2031, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly CancellationTokenSource _token = new();
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DateTime InAnHour => _clientClock.GetUtcNow().UtcDateTime.AddHours(1);

    /// <summary>Methods that work until they are told to stop.</summary>
    private Script Endless => new()
    {
        Say = async (line, context) =>
        {
            await UntilStopped(context);
            return line;
        },
        Collect = async (lines, _) =>
        {
            _entered.SetResult();
            try
            {
                return new Line { Count = await lines.ReadAllAsync().CountAsync() };
            }
            catch (Exception)
            {
                _stopped.SetResult();
                throw;
            }
        },
        Recite = async (line, lines, context) =>
        {
            await lines.WriteAsync(line);
            await UntilStopped(context);
        },
    };

    public void Dispose() => _token.Dispose();

    [Fact(Timeout = Hung)]
    public async Task The_server_learns_the_deadline()
    {
        await using var server = await Start(new Script
        {
            Say = (_, context) => Task.FromResult(new Line { Text = context.Deadline.ToString("O") }),
        });

        Assert.Equal("2031-01-01T01:00:00.0000000Z", (await Client(server).SayAsync(new Line(), deadline: InAnHour)).Text);
        Assert.Equal(DateTime.MaxValue.ToString("O"), (await Client(server).SayAsync(new Line())).Text);
        Assert.Equal(DateTime.MaxValue.ToString("O"), (await Client(server).SayAsync(new Line(), deadline: DateTime.MaxValue)).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task A_caller_stops_waiting_at_the_deadline_and_the_server_stops_working()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).SayAsync(new Line(), deadline: InAnHour);
        await _entered.Task;

        _clientClock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
        await _stopped.Task;
        Assert.Equal(0, _clientClock.ArmedTimers);
    }

    [Fact(Timeout = Hung)]
    public async Task A_stream_ends_at_the_deadline()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).Recite(new Line(), deadline: InAnHour);
        Assert.True(await call.ResponseStream.MoveNext(default));
        await _entered.Task;

        _clientClock.Advance(TimeSpan.FromHours(1));

        var late = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
        await _stopped.Task;
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_stops_at_the_deadline_by_itself()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).SayAsync(new Line(), deadline: InAnHour);
        await _entered.Task;

        _serverClock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_waits_for_requests_no_longer_than_the_deadline()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).Collect(deadline: InAnHour);
        await _entered.Task;

        _serverClock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_call_in_time_leaves_no_timer_behind()
    {
        await using var server = await Start(Script.Echo);

        await Client(server).SayAsync(new Line(), deadline: InAnHour);

        Assert.Equal(0, _clientClock.ArmedTimers);
        await Eventually.Equal(0, () => _serverClock.ArmedTimers);
    }

    [Fact(Timeout = Hung)]
    public async Task A_deadline_in_the_past_is_exceeded_without_asking_the_server()
    {
        await using var server = await Start(Endless);

        var late = await Assert.ThrowsAsync<RpcException>(
            () => Client(server).SayAsync(new Line(), deadline: _clientClock.GetUtcNow().UtcDateTime).ResponseAsync);

        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
        Assert.False(_entered.Task.IsCompleted);
    }

    [Fact(Timeout = Hung)]
    public async Task A_deadline_in_local_time_is_a_mistake()
    {
        await using var server = await Start(Endless);

        Assert.Throws<InvalidOperationException>(() => { _ = Client(server).SayAsync(new Line(), deadline: new DateTime(2030, 1, 1)); });
    }

    [Fact(Timeout = Hung)]
    public async Task A_cancelled_call_ends_on_both_sides()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).SayAsync(new Line(), cancellationToken: _token.Token);
        await _entered.Task;

        await _token.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
        await _stopped.Task;
    }

    [Fact(Timeout = Hung)]
    public async Task A_cancelled_client_stream_is_never_taken_for_a_complete_one()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).Collect(cancellationToken: _token.Token);
        await call.RequestStream.WriteAsync(new Line());
        await _entered.Task;

        await _token.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
        var refused = await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(new Line()));
        Assert.Equal(StatusCode.Cancelled, refused.StatusCode);
        await _stopped.Task;
    }

    [Fact(Timeout = Hung)]
    public async Task A_disposed_stream_ends_on_both_sides()
    {
        await using var server = await Start(Endless);
        var call = Client(server).Recite(new Line());
        Assert.True(await call.ResponseStream.MoveNext(default));
        await _entered.Task;

        call.Dispose();

        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
        await _stopped.Task;
    }

    [Fact(Timeout = Hung)]
    public async Task Cancelling_a_read_cancels_the_call()
    {
        await using var server = await Start(Endless);
        using var call = Client(server).Recite(new Line());
        Assert.True(await call.ResponseStream.MoveNext(default));
        await _entered.Task;

        var reading = call.ResponseStream.MoveNext(_token.Token);
        await _token.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => reading)).StatusCode);
        await _stopped.Task;
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_that_writes_without_end_notices_that_the_caller_has_gone()
    {
        await using var server = await Start(new Script
        {
            Recite = async (line, lines, _) =>
            {
                try
                {
                    while (true)
                    {
                        await lines.WriteAsync(line);
                    }
                }
                finally
                {
                    _stopped.SetResult();
                }
            },
        });
        using (var call = Client(server).Recite(new Line { Text = "for ever" }))
        {
            Assert.True(await call.ResponseStream.MoveNext(default));
        }

        await _stopped.Task;
    }

    [Theory(Timeout = Hung)]
    [InlineData(StatusCode.OK)]
    [InlineData(StatusCode.PermissionDenied)]
    public async Task A_client_that_writes_without_end_does_not_hang_when_the_server_ends_early(StatusCode code)
    {
        await using var server = await Start(new Script
        {
            Collect = (_, _) => code == StatusCode.OK
                ? Task.FromResult(new Line { Text = "enough" })
                : throw new RpcException(new Status(code, "not you")),
        });
        using var call = Client(server).Collect();
        var load = Google.Protobuf.ByteString.CopyFrom(new byte[100_000]);

        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
            {
                await call.RequestStream.WriteAsync(new Line { Load = load });
            }
        });

        if (code == StatusCode.OK)
        {
            Assert.Equal("enough", (await call).Text);
        }
        else
        {
            Assert.Equal(new Status(code, "not you"), refused.Status);
        }
    }

    [Fact(Timeout = Hung)]
    public async Task A_duplex_client_does_not_hang_when_the_server_ends_early()
    {
        await using var server = await Start(new Script { Converse = (_, _, _) => throw new RpcException(new Status(StatusCode.NotFound, "nobody")) });
        using var call = Client(server).Converse();
        var load = Google.Protobuf.ByteString.CopyFrom(new byte[100_000]);

        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
            {
                await call.RequestStream.WriteAsync(new Line { Load = load });
            }
        });

        var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(new Status(StatusCode.NotFound, "nobody"), refused.Status);
    }

    [Fact(Timeout = Hung)]
    public async Task Requests_after_the_last_are_a_mistake()
    {
        await using var server = await Start(Script.Echo);
        using var call = Client(server).Collect();
        await call.RequestStream.CompleteAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new Line()));
    }

    private Task<ConversationServer> Start(Script script) =>
        ConversationServer.Start(script, builder => builder.Services.AddSingleton<TimeProvider>(_serverClock));

    private Conversation.ConversationClient Client(ConversationServer server)
    {
        var services = new ServiceCollection().AddSingleton<TimeProvider>(_clientClock);
        services.AddGrpcClient<Conversation.ConversationClient>(options => options.Address = server.Address);
        return services.BuildServiceProvider().GetRequiredService<Conversation.ConversationClient>();
    }

    private async Task UntilStopped(ServerCallContext context)
    {
        _entered.SetResult();
        try
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }
        finally
        {
            _stopped.SetResult();
        }
    }
}
