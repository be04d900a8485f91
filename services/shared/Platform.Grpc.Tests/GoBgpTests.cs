using Grpc.Core;
using Grpc.Net.Client;
using Platform.Grpc.Tests.GoBgp;
using Platform.Testing;

namespace Platform.Grpc.Tests;

/// <summary>Our client calls a real gobgpd: grpc-go, and the server that mitigation drives.</summary>
public sealed class GoBgpTests : IAsyncLifetime
{
    private const int Hung = 60_000;

    private readonly GoBgpServer _server = new(new()
    {
        Asn = 64512,
        RouterId = "192.0.2.1",
        Neighbours = [new("127.0.0.2", Asn: 64513), new("127.0.0.3", Asn: 64514)],
    });

    private GrpcChannel? _channel;

    private GobgpApi.GobgpApiClient Client => new(_channel!);

    public async ValueTask InitializeAsync()
    {
        await _server.Start();
        _channel = GrpcChannel.ForAddress(_server.Api);
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        await _server.DisposeAsync();
    }

    [Fact(Timeout = Hung)]
    public async Task It_tells_what_it_is()
    {
        var answer = await Client.GetBgpAsync(new());

        Assert.Equal((64512u, "192.0.2.1", _server.Port), (answer.Global.Asn, answer.Global.RouterId, answer.Global.ListenPort));
    }

    [Fact(Timeout = Hung)]
    public async Task It_lists_its_neighbours()
    {
        using var call = Client.ListPeer(new());

        var peers = await call.ResponseStream.ReadAllAsync().Select(answer => (answer.Peer.Conf.NeighborAddress, answer.Peer.Conf.PeerAsn)).ToListAsync();

        Assert.Equal([("127.0.0.2", 64513u), ("127.0.0.3", 64514u)], peers.Order());
    }

    [Fact(Timeout = Hung)]
    public async Task Its_refusal_is_understood()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Client.StartBgpAsync(new() { Global = new() { Asn = 1, RouterId = "somewhere" } }).ResponseAsync);

        Assert.Equal(StatusCode.Unknown, refused.StatusCode);
        Assert.Contains("somewhere", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = Hung)]
    public async Task A_method_that_it_lacks_is_not_implemented()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Client.BrewCoffeeAsync(new()).ResponseAsync);

        Assert.Equal(StatusCode.Unimplemented, refused.StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task It_takes_a_stream_of_requests()
    {
        using var call = Client.AddPathStream();
        await call.RequestStream.WriteAsync(new());
        await call.RequestStream.WriteAsync(new());
        await call.RequestStream.CompleteAsync();

        await call;

        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact(Timeout = Hung)]
    public async Task A_stream_without_end_is_left_by_cancelling_and_lost_when_it_is_killed()
    {
        using var stop = new CancellationTokenSource();
        using var left = Client.WatchEvent(new() { Peer = new() }, cancellationToken: stop.Token);
        using var lost = Client.WatchEvent(new() { Peer = new() });
        Assert.True(await left.ResponseStream.MoveNext(default));
        Assert.True(await lost.ResponseStream.MoveNext(default));

        await stop.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, await EndOf(left));
        await _server.Kill();
        Assert.Equal(StatusCode.Unavailable, await EndOf(lost));
        var gone = await Assert.ThrowsAsync<RpcException>(() => Client.GetBgpAsync(new()).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, gone.StatusCode);
    }

    private static async Task<StatusCode> EndOf(AsyncServerStreamingCall<WatchEventResponse> call) =>
        (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.ReadAllAsync().CountAsync().AsTask())).StatusCode;
}
