using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Platform.Grpc.Tests;

/// <summary>The standard health service, from the process's health checks.</summary>
public sealed class HealthTests
{
    private const int Hung = 60_000;

    private HealthStatus _health = HealthStatus.Healthy;

    [Theory(Timeout = Hung)]
    [InlineData(HealthStatus.Healthy, ServingStatus.Serving)]
    [InlineData(HealthStatus.Degraded, ServingStatus.Serving)]
    [InlineData(HealthStatus.Unhealthy, ServingStatus.NotServing)]
    public async Task A_check_tells_the_health_of_now(HealthStatus health, ServingStatus expected)
    {
        await using var server = await Start();
        _health = health;

        Assert.Equal(expected, (await Client(server).CheckAsync(new())).Status);
        Assert.Equal(expected, (await Client(server).CheckAsync(new() { Service = "platform.grpc.tests.Conversation" })).Status);
    }

    [Fact(Timeout = Hung)]
    public async Task A_service_that_is_not_mapped_is_not_found()
    {
        await using var server = await Start();

        var refused = await Assert.ThrowsAsync<RpcException>(() => Client(server).CheckAsync(new() { Service = "other" }).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
        using var watch = Client(server).Watch(new() { Service = "other" });
        Assert.Equal(ServingStatus.ServiceUnknown, await Next(watch));
    }

    [Fact(Timeout = Hung)]
    public async Task A_watcher_is_told_each_change_and_the_end()
    {
        await using var server = await Start();
        using var watch = Client(server).Watch(new());
        Assert.Equal(ServingStatus.Serving, await Next(watch));

        _health = HealthStatus.Unhealthy;
        Assert.Equal(ServingStatus.NotServing, await Next(watch));
        _health = HealthStatus.Healthy;
        Assert.Equal(ServingStatus.Serving, await Next(watch));

        var stopping = server.Stop(CancellationToken.None);
        Assert.Equal(ServingStatus.NotServing, await Next(watch));
        Assert.False(await watch.ResponseStream.MoveNext(default));
        await stopping;
    }

    private static global::Grpc.Health.V1.Health.HealthClient Client(ConversationServer server) => new(server.Channel);

    private static async Task<ServingStatus> Next(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        Assert.True(await watch.ResponseStream.MoveNext(default));
        return watch.ResponseStream.Current.Status;
    }

    private Task<ConversationServer> Start() => ConversationServer.StartApp(
        builder =>
        {
            builder.Services.AddGrpc();
            builder.Services.AddSingleton(Script.Echo);
            builder.Services.AddGrpcHealthChecks().AddCheck("test", () => new HealthCheckResult(_health));
            builder.Services.Configure<HealthCheckPublisherOptions>(options =>
            {
                options.Delay = TimeSpan.Zero;
                options.Period = TimeSpan.FromSeconds(1); // the shortest that the framework takes
            });
        },
        app =>
        {
            app.MapGrpcService<ScriptedConversation>();
            app.MapGrpcHealthChecksService();
        });
}
