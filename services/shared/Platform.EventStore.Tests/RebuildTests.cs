using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

public sealed class RebuildTests(PostgresServer server) : IAsyncLifetime
{
    private readonly AStore _given = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _given.InitializeAsync();

    public ValueTask DisposeAsync() => _given.DisposeAsync();

    [Fact]
    [Trait("Requirement", "R197")]
    public async Task A_rebuild_beside_the_live_view_puts_right_rows_in_its_place_under_load()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var runner = _given.Runner(new Tallies());
        var running = runner.Run(stop.Token);
        for (var i = 0; i < 100; i++)
        {
            await _given.Count(Acme, $"t{i % 7}", 1, 1, 1);
        }

        await runner.CatchUp(Token);
        await _given.Execute("update views.tallies_v1 set total = -5 where tally = 't3'; delete from views.tallies_v1 where tally = 't4'");
        using var quiet = new CancellationTokenSource();
        var load = Task.Run(
            async () =>
            {
                while (!quiet.IsCancellationRequested)
                {
                    await _given.Count(Acme, "t3", 1);
                }
            },
            Token);

        await _given.Runner(new Tallies()).Rebuild(Token);

        await quiet.CancelAsync();
        await load;
        await runner.WaitUntil((await _given.Count(Acme, "t4", 1)).Sequence, Token);
        Assert.Equal(
            await _given.Query<string>("select string_agg(id || version, ' ' order by id) from events.mt_streams"),
            await _given.Query<string>("select string_agg('tally:' || tally || events, ' ' order by tally) from views.tallies_v1 where total = events"));
        Assert.Equal(0, await Copies());
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_rebuild_that_cannot_apply_an_event_leaves_the_live_view_as_it_was()
    {
        await _given.Count(Acme, "a", 1, 666);
        await _given.Execute("insert into views.tallies_v1 values ('t', 'live', 1, 1)");

        await Assert.ThrowsAsync<UnappliedEventException>(() => _given.Runner(new Tallies()).Rebuild(Token));

        Assert.Equal("live", await _given.Query<string>("select string_agg(tally, ' ') from views.tallies_v1"));
        Assert.Equal(0, await Copies());
    }

    [Fact]
    [Trait("Requirement", "R156")]
    public async Task What_is_erased_while_a_view_is_rebuilt_does_not_come_back_with_it()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await _given.Count(Acme, "gone", 7);
        await _given.Count(Acme, "stays", 1);
        var runner = _given.Runner(new Tallies());
        var running = runner.Run(stop.Token);
        await runner.CatchUp(Token);

        await _given.Runner(new Tallies("stays", () => AnEraser.Erases(_given, "gone"))).Rebuild(Token);

        Assert.Equal("stays", await Tallied());
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    [Trait("Requirement", "R156")]
    public async Task An_erasure_waits_while_a_copy_is_put_in_place_and_then_deletes_from_it()
    {
        await _given.Count(Acme, "gone", 7);
        await _given.Count(Acme, "stays", 1);
        await using var reading = await _given.Database.OpenConnectionAsync(Token);
        await using var asking = await reading.BeginTransactionAsync(Token);
        await using (var ask = new NpgsqlCommand("select * from views.tallies_v1", reading, asking))
        {
            await ask.ExecuteNonQueryAsync(Token);
        }

        var rebuilding = _given.Runner(new Tallies()).Rebuild(Token); // has looked for erasures, and waits for who reads the table that it replaces
        await Eventually.Equal(1, () => Waiting("relation", "drop table%"));
        var erasing = AnEraser.Erases(_given, "gone");
        await Eventually.Equal(1, () => Waiting("advisory", "%platform.erase%"));
        await asking.CommitAsync(Token);
        await Task.WhenAll(rebuilding, erasing);

        Assert.Equal("stays", await Tallied());
    }

    [Fact]
    [Trait("Requirement", "R156")]
    public async Task An_erasure_takes_what_a_killed_rebuild_left_and_lets_be_what_is_still_built()
    {
        await _given.Execute(
            """
            create schema rebuild_left_v1;
            create schema rebuild_built_v1;
            insert into platform.checkpoints values ('left_v1:rebuild', 4), ('built_v1:rebuild', 4);
            """);
        await using var building = await _given.Database.OpenConnectionAsync(Token);
        await using (var hold = new NpgsqlCommand("select pg_advisory_lock(hashtextextended('platform.feed:built_v1:rebuild', 0))", building))
        {
            await hold.ExecuteNonQueryAsync(Token);
        }

        await AnEraser.Erases(_given, "gone");

        Assert.Equal("rebuild_built_v1", await _given.Query<string>("select string_agg(nspname, ' ') from pg_namespace where nspname like 'rebuild%'"));
        Assert.Equal("built_v1:rebuild", await _given.Query<string>("select string_agg(name, ' ') from platform.checkpoints"));
    }

    [Fact]
    public async Task A_rebuild_ends_though_the_newest_event_that_the_view_passed_was_erased()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await _given.Count(Acme, "stays", 5);
        await _given.Count(Acme, "gone", 5);
        var runner = _given.Runner(new Tallies());
        var running = runner.Run(stop.Token);
        await runner.CatchUp(Token);
        await AnEraser.Erases(_given, "gone");

        await _given.Runner(new Tallies()).Rebuild(Token).WaitAsync(TimeSpan.FromMinutes(1), Token);

        Assert.Equal("stays", await Tallied());
        await runner.WaitUntil((await _given.Count(Acme, "more", 1)).Sequence, Token);
        Assert.Equal("more stays", await Tallied());
        await stop.CancelAsync();
        await running;
    }

    private Task<string> Tallied() => _given.Query<string>("select string_agg(tally, ' ' order by tally) from views.tallies_v1");

    private Task<long> Copies() => _given.Query<long>("select count(*) from pg_namespace where nspname like 'rebuild%'");

    private Task<long> Waiting(string lockType, string query) => _given.Query<long>(
        $"""
        select count(*) from pg_stat_activity
         where wait_event_type = 'Lock' and wait_event = '{lockType}' and query like '{query}' and datname = current_database()
        """);
}
