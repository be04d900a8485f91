using Npgsql;
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

        Assert.Equal("3/2 5/1", await _given.Query<string>("select string_agg(total || '/' || events, ' ' order by tenant_id) from views.tallies_v1"));
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
        Assert.Equal(3, await _given.Query<long>("select total from views.tallies_v1"));
        Assert.Equal(2, await _given.Feed.PositionOf("tallies_v1", Token));
    }

    [Fact]
    public async Task Another_runner_takes_over_when_the_first_is_cut_off_and_both_go_on_after_it()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var runners = new[] { _given.Runner(new Tallies()), _given.Runner(new Tallies()) };
        var running = runners.Select(runner => runner.Run(stop.Token)).ToList();
        for (var round = 1; round <= 3; round++)
        {
            var last = await _given.Count(Acme, "a", 1, 1);
            await runners[0].WaitUntil(last.Sequence, Token);

            await _given.KillReaders();
        }

        await runners[1].WaitUntil((await _given.Count(Acme, "a", 1)).Sequence, Token);
        Assert.Equal((7, 7), (await _given.Query<long>("select total from views.tallies_v1"), await _given.Query<long>("select events from views.tallies_v1")));
        await stop.CancelAsync();
        await Task.WhenAll(running);
    }

    [Fact]
    [Trait("Requirement", "R156")]
    public async Task A_view_that_read_an_event_before_its_erasure_does_not_write_its_row_after()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await _given.Count(Acme, "gone", 7);
        await _given.Count(Acme, "stays", 1);
        var runner = _given.Runner(new Tallies("stays", () => AnEraser.Erases(_given, "gone")));
        var running = runner.Run(stop.Token);

        await runner.CatchUp(Token);

        Assert.Equal("stays", await _given.Query<string>("select string_agg(tally, ' ') from views.tallies_v1"));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_database_that_restarts_under_load_costs_no_event_and_doubles_none()
    {
        await using var own = PostgresServer.Own();
        await own.InitializeAsync();
        await using var given = new AStore(own);
        await given.InitializeAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var runner = given.Runner(new Tallies());
        var running = runner.Run(stop.Token);
        var (written, quiet) = (0, false);
        var load = Task.Run(
            async () =>
            {
                for (var i = 0; !Volatile.Read(ref quiet); i++)
                {
                    // As a consumer does: the same cause until it is through.
                    await Eventually.Passes(
                        () => given.Store.Tenant(Acme).Handle(TallyState.Stream, "a", _ => new TallyCounted(1), new Cause($"{i}"), Token),
                        TimeSpan.FromSeconds(30));
                    Interlocked.Increment(ref written);
                }
            },
            Token);
        await Eventually.True(() => written > 50);

        await own.Kill();
        await own.Start();
        var before = written;
        await Eventually.True(() => written > before + 50);
        await own.Stop();
        await own.Start();
        before = written;
        await Eventually.True(() => written > before + 50);

        Volatile.Write(ref quiet, true);
        await load;
        await runner.CatchUp(Token);
        Assert.Equal(written, await given.Query<long>("select events from views.tallies_v1"));
        Assert.Equal(written, await given.Query<long>("select count(*) from events.mt_events"));
        await stop.CancelAsync();
        await running;
        NpgsqlConnection.ClearAllPools(); // they remember connections to the server before its restart
    }
}
