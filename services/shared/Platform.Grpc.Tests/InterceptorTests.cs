using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.ClientFactory;
using Microsoft.Extensions.DependencyInjection;

namespace Platform.Grpc.Tests;

/// <summary>Registered clients, and what stands between caller and method.</summary>
public sealed class InterceptorTests
{
    private const int Hung = 60_000;

    [Fact(Timeout = Hung)]
    public async Task A_registered_client_signs_its_calls_with_the_services_of_its_scope()
    {
        await using var server = await ConversationServer.Start(new Script
        {
            Say = (_, context) => Task.FromResult(new Line { Text = string.Join(' ', context.RequestHeaders.GetAll("seen").Select(entry => entry.Value)) }),
        });
        var services = new ServiceCollection().AddScoped<Person>().AddTransient<Signing>();
        services.AddGrpcClient<Conversation.ConversationClient>((_, options) => options.Address = server.Address)
            .AddInterceptor(InterceptorScope.Client, _ => new Marking("outer"))
            .AddInterceptor<Signing>(InterceptorScope.Client);
        await using var provider = services.BuildServiceProvider(validateScopes: true);

        foreach (var name in new[] { "alice", "bob" })
        {
            await using var scope = provider.CreateAsyncScope();
            scope.ServiceProvider.GetRequiredService<Person>().Name = name;
            var client = scope.ServiceProvider.GetRequiredService<Conversation.ConversationClient>();

            Assert.Equal($"outer, {name}", (await client.SayAsync(new Line())).Text);
        }
    }

    [Fact(Timeout = Hung)]
    public async Task Every_kind_of_call_passes_the_interceptors_of_client_and_server()
    {
        var seen = new List<string>();
        await using var server = await ConversationServer.Start(Script.Echo, builder =>
        {
            builder.Services.AddSingleton(seen);
            builder.Services.AddGrpc(options =>
            {
                options.Interceptors.Add<First>();
                options.Interceptors.Add<Second>();
            });
        });
        var client = new Conversation.ConversationClient(
            server.Channel.CreateCallInvoker().Intercept(new Noting("client", seen)));

        await client.SayAsync(new Line());
        Assert.Equal(["client unary", "first unary", "second unary"], Taken());
        client.Say(new Line());
        Assert.Equal(["client blocking", "first unary", "second unary"], Taken());
        using var collect = client.Collect();
        await collect.RequestStream.CompleteAsync();
        await collect;
        Assert.Equal(["client collecting", "first collecting", "second collecting"], Taken());
        using var recite = client.Recite(new Line());
        Assert.False(await recite.ResponseStream.MoveNext(default));
        Assert.Equal(["client reciting", "first reciting", "second reciting"], Taken());
        using var converse = client.Converse();
        await converse.RequestStream.CompleteAsync();
        Assert.False(await converse.ResponseStream.MoveNext(default));
        Assert.Equal(["client conversing", "first conversing", "second conversing"], Taken());

        string[] Taken()
        {
            string[] taken = [.. seen];
            seen.Clear();
            return taken;
        }
    }

    [Fact(Timeout = Hung)]
    public async Task An_interceptor_may_choose_the_status_of_an_exception()
    {
        await using var server = await ConversationServer.Start(
            new Script { Say = (_, _) => throw new TimeoutException("database") },
            builder => builder.Services.AddGrpc(options => options.Interceptors.Add<Translating>()));

        var failed = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line()).ResponseAsync);

        Assert.Equal(new Status(StatusCode.Unavailable, "try again"), failed.Status);
    }

    [Fact(Timeout = Hung)]
    public async Task The_channel_of_a_registered_client_can_be_configured()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
        var services = new ServiceCollection();
        services.AddGrpcClient<Conversation.ConversationClient>(options => options.Address = server.Address)
            .ConfigureChannel(channel => channel.MaxReceiveMessageSize = 10);
        await using var provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<Conversation.ConversationClient>();

        var refused = await Assert.ThrowsAsync<RpcException>(() => client.SayAsync(new Line { Text = "more than ten bytes" }).ResponseAsync);

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_server_takes_requests_up_to_its_limit()
    {
        await using var server = await ConversationServer.Start(
            Script.Echo, builder => builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = 12));

        Assert.Equal("ten bytes.", (await server.Client.SayAsync(new Line { Text = "ten bytes." })).Text);
        var refused = await Assert.ThrowsAsync<RpcException>(() => server.Client.SayAsync(new Line { Text = "eleven byte" }).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
    }

    [Fact]
    public void A_client_without_address_is_a_mistake()
    {
        var services = new ServiceCollection();
        services.AddGrpcClient<Conversation.ConversationClient>(_ => { });
        using var provider = services.BuildServiceProvider();

        Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<Conversation.ConversationClient>());
    }

    private sealed class Person
    {
        public string Name { get; set; } = "";
    }

    private sealed class Signing(Person person) : Marking(() => person.Name);

    private class Marking(Func<string> mark) : Interceptor
    {
        public Marking(string mark)
            : this(() => mark)
        {
        }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            var headers = context.Options.Headers ?? [];
            headers.Add("seen", mark());
            return continuation(request, new(context.Method, context.Host, context.Options.WithHeaders(headers)));
        }
    }

    private sealed class Translating : Interceptor
    {
        public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            try
            {
                return await continuation(request, context);
            }
            catch (TimeoutException)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "try again"));
            }
        }
    }

    private sealed class First(List<string> seen) : Noting("first", seen);

    private sealed class Second(List<string> seen) : Noting("second", seen);

    private class Noting(string name, List<string> seen) : Interceptor
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context, BlockingUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} blocking");
            return base.BlockingUnaryCall(request, context, continuation);
        }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} unary");
            return base.AsyncUnaryCall(request, context, continuation);
        }

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} reciting");
            return base.AsyncServerStreamingCall(request, context, continuation);
        }

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            ClientInterceptorContext<TRequest, TResponse> context, AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} collecting");
            return base.AsyncClientStreamingCall(context, continuation);
        }

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} conversing");
            return base.AsyncDuplexStreamingCall(context, continuation);
        }

        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} unary");
            return base.UnaryServerHandler(request, context, continuation);
        }

        public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} collecting");
            return base.ClientStreamingServerHandler(requestStream, context, continuation);
        }

        public override Task ServerStreamingServerHandler<TRequest, TResponse>(
            TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} reciting");
            return base.ServerStreamingServerHandler(request, responseStream, context, continuation);
        }

        public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        {
            seen.Add($"{name} conversing");
            return base.DuplexStreamingServerHandler(requestStream, responseStream, context, continuation);
        }
    }
}
