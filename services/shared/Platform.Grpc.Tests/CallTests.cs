using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Platform.Grpc.Tests;

/// <summary>The four kinds of calls through generated code.</summary>
public sealed class CallTests
{
    private const int Hung = 60_000; // milliseconds after which a test has hung

    [Fact(Timeout = Hung)]
    public async Task One_request_gets_one_response()
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answer = await server.Client.SayAsync(new Line { Text = "お元気ですか" });

        Assert.Equal("お元気ですか", answer.Text);
    }

    [Fact(Timeout = Hung)]
    public async Task A_blocking_call_gets_its_response()
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        Assert.Equal("hello", server.Client.Say(new Line { Text = "hello" }, cancellationToken: TestContext.Current.CancellationToken).Text);
    }

    [Theory(Timeout = Hung)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task One_request_gets_many_responses_in_order(int count)
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        using var call = server.Client.Recite(new Line { Text = "verse", Count = count });
        var counts = await call.ResponseStream.ReadAllAsync().Select(line => line.Count).ToListAsync();

        Assert.Equal(Enumerable.Range(0, count), counts);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task Many_requests_get_one_response()
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        using var call = server.Client.Collect();
        foreach (var word in new[] { "one", "two", "three" })
        {
            await call.RequestStream.WriteAsync(new Line { Text = word });
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal("one two three", (await call).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task Each_request_gets_its_response_while_the_next_is_not_yet_sent()
    {
        await using var server = await ConversationServer.Start(Script.Echo);

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

    [Fact(Timeout = Hung)]
    public async Task Long_messages_go_both_ways_in_every_kind_of_call()
    {
        await using var server = await ConversationServer.Start(Script.Echo);
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

    [Fact(Timeout = Hung)]
    public async Task A_client_may_send_more_than_a_request_body_usually_holds()
    {
        var received = 0L;
        await using var server = await ConversationServer.Start(new Script
        {
            Collect = async (lines, _) =>
            {
                await foreach (var line in lines.ReadAllAsync())
                {
                    received += line.Load.Length;
                }
                return new Line();
            },
        });
        var mebibyte = Google.Protobuf.ByteString.CopyFrom(new byte[1024 * 1024]);

        using var call = server.Client.Collect();
        for (var i = 0; i < 40; i++)
        {
            await call.RequestStream.WriteAsync(new Line { Load = mebibyte });
        }

        await call.RequestStream.CompleteAsync();
        await call;

        Assert.Equal(40 * 1024 * 1024, received);
    }

    [Fact(Timeout = Hung)]
    public async Task A_client_may_be_silent_for_longer_than_a_request_body_usually_may()
    {
        var heartbeats = 0;
        var patienceOver = new TaskCompletionSource();
        await using var server = await ConversationServer.Start(
            new Script
            {
                Collect = async (lines, context) =>
                {
                    // Kestrel looks at data rates once in a heartbeat.
                    context.GetHttpContext().Features.Get<IConnectionHeartbeatFeature>()!.OnHeartbeat(
                        _ => (++heartbeats == 4 ? patienceOver : null)?.SetResult(), lines);
                    return new Line { Text = (await lines.ReadAllAsync().SingleAsync()).Text };
                },
            },
            builder => builder.WebHost.ConfigureKestrel(kestrel =>
                kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(1_000_000, TimeSpan.FromSeconds(1.1))));

        using var call = server.Client.Collect();
        await patienceOver.Task;
        await call.RequestStream.WriteAsync(new Line { Text = "at last" });
        await call.RequestStream.CompleteAsync();

        Assert.Equal("at last", (await call).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task Calls_go_over_TLS()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var server = await ConversationServer.Start(Script.Echo, builder => builder.WebHost
            .UseKestrelHttpsConfiguration()
            .UseUrls("https://127.0.0.1:0")
            .ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate = certificate)));
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented!.GetCertHashString() == certificate.GetCertHashString();
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { HttpHandler = handler });

        Assert.Equal("secret", (await new Conversation.ConversationClient(channel).SayAsync(new Line { Text = "secret" })).Text);
    }

    [Fact(Timeout = Hung)]
    public async Task Many_calls_run_at_once()
    {
        await using var server = await ConversationServer.Start(Script.Echo);

        var answers = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => server.Client.SayAsync(new Line { Count = i }).ResponseAsync));

        Assert.Equal(Enumerable.Range(0, 500), answers.Select(answer => answer.Count));
    }

    [Fact(Timeout = Hung)]
    public async Task A_trace_goes_on_at_the_server()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        await using var server = await ConversationServer.Start(new Script
        {
            Say = (_, _) => Task.FromResult(new Line { Text = Activity.Current!.TraceId.ToHexString() }),
        });
        using var activity = new Activity("test").Start();

        Assert.Equal(activity.TraceId.ToHexString(), (await server.Client.SayAsync(new Line())).Text);
    }
}
