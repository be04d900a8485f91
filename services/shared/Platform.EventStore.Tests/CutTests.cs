using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>The wire to the database is cut at every single step, and the work is done again as a redelivery would.</summary>
[Trait("Requirement", "R197")]
public sealed class CutTests(PostgresServer server) : IAsyncLifetime
{
    private const int AtMost = 100; // pieces that any of these works needs; a bound for the loop only

    private readonly AStore _given = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _given.InitializeAsync();

    public ValueTask DisposeAsync() => _given.DisposeAsync();

    [Fact]
    public async Task A_decision_takes_effect_once_wherever_it_was_cut()
    {
        await AtEachCut(async (database, round) =>
        {
            var cause = new Cause($"message-{round}");
            Task Consume(StreamStore store) =>
                store.Tenant(Acme).Handle(TallyState.Stream, $"t{round}", state => new TallyCounted(state.Total + 1), cause, Token);

            var failed = await Fails(() => Consume(new StreamStore(database, _given.Catalog, _given.Clock)));
            await Consume(_given.Store);

            var (state, _) = await _given.Store.Tenant(Acme).Load(TallyState.Stream, $"t{round}", Token);
            Assert.Equal(new TallyState(1, 1), state);
            return failed;
        });
    }

    [Fact]
    public async Task A_view_has_each_event_once_wherever_its_runner_was_cut()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var settings = new NpgsqlConnectionStringBuilder(_given.ConnectionString);
        await using var wire = new CutWire(settings.Port);
        settings.Port = wire.Port;
        await using var database = NpgsqlDataSource.Create(settings);
        var running = new ProjectionRunner(
            new StreamStore(database, _given.Catalog, _given.Clock), new Tallies(), NullLogger<ProjectionRunner>.Instance).Run(stop.Token);

        // It begins again a second after each cut; so many pieces are more than one connection, one batch and one commit need.
        for (var pieces = 0; pieces < 16; pieces++)
        {
            wire.CutAfter(pieces);
            await _given.Count(Acme, "a", 1, 1);
            await Eventually.Equal(pieces + 1, () => wire.Cuts);
        }

        var last = await _given.Count(Acme, "a", 1, 1);
        await _given.Feed.WaitUntil("tallies_v1", last.Sequence, Token);

        Assert.Equal(34, await _given.Query<long>("select events from views.tallies_v1"));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    [Trait("Requirement", "R156")]
    public async Task An_erasure_is_whole_and_counted_once_wherever_it_was_cut()
    {
        await AtEachCut(async (database, round) =>
        {
            await _given.Count(Acme, $"e{round}-1", 1);
            await _given.Count(Acme, $"e{round}-2", 1);
            var person = new PersonRegistered($"code-{round}", Guid.Empty, "Sato", [], null);
            await _given.Store.Tenant(Acme).Append(PersonState.Stream, $"e{round}", ExpectedVersion.New, [person], NewCause(), Token);
            var erasure = new Erasure(
                Guid.CreateVersion7(TimeProvider.System.GetUtcNow()),
                [TallyState.Stream.For($"e{round}-1"), TallyState.Stream.For($"e{round}-2")],
                [$"code-{round}"]);

            var failed = await Fails(() => new StreamStore(database, _given.Catalog, _given.Clock).Tenant(Acme).Erase(erasure, Token));
            var counts = await _given.Store.Tenant(Acme).Erase(erasure, Token);

            Assert.Equal((2, 1), (counts["tally"], counts[TenantSession.ErasedKeys]));
            return failed;
        });
    }

    /// <summary>Cuts at the first piece, the second, and so on, until the work is through before it comes to the cut.</summary>
    private async Task AtEachCut(Func<NpgsqlDataSource, int, Task<bool>> work)
    {
        for (var pieces = 0; pieces < AtMost; pieces++)
        {
            var settings = new NpgsqlConnectionStringBuilder(_given.ConnectionString);
            await using var wire = new CutWire(settings.Port) { StaysDown = true };
            settings.Port = wire.Port;
            await using var database = NpgsqlDataSource.Create(settings);
            wire.CutAfter(pieces);
            if (!await work(database, pieces))
            {
                Assert.True(pieces > 6, "the work was never cut in its middle");
                return;
            }
        }

        Assert.Fail("the work was never done");
    }

    private static async Task<bool> Fails(Func<Task> work)
    {
        try
        {
            await work();
            return false;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or ObjectDisposedException)
        {
            return true;
        }
    }
}
