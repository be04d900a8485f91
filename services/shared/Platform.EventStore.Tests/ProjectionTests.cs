using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

public sealed class ProjectionTests(PostgresServer server) : IAsyncLifetime
{
    private readonly AStore _given = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _given.InitializeAsync();

    public ValueTask DisposeAsync() => _given.DisposeAsync();

    [Fact]
    public async Task A_view_shows_every_event_once_after_a_wait_for_it()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await _given.Count(Acme, "a", 1, 2);
        var runner = _given.Runner(new Tallies());
        var running = runner.Run(stop.Token);

        await runner.CatchUp(Token);
        var last = await _given.Count(Borg, "a", 5);
        await runner.WaitUntil(last.Sequence, Token);

        Assert.Equal("3/2 5/1", await _given.Query<string>("select string_agg(total || '/' || events, ' ' order by tenant_id) from tallies_v1"));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task An_event_that_cannot_be_applied_stops_the_view_right_before_it_and_is_named()
    {
        await _given.Count(Acme, "a", 1, 2, 666, 4);
        var runner = _given.Runner(new Tallies());

        await runner.Run(Token);

        Assert.Equal(("tallies_v1", 3), (runner.Failure?.Projection, runner.Failure?.Sequence));
        Assert.Equal(3, await _given.Query<long>("select total from tallies_v1"));
        Assert.Equal(2, await _given.Feed.PositionOf("tallies_v1", Token));
    }
}
