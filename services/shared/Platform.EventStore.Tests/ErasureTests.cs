using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

[Trait("Requirement", "R36")]
[Trait("Requirement", "R156")]
public sealed class ErasureTests(AStore given) : IClassFixture<AStore>
{
    private readonly Guid _erasure = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Erased_streams_leave_no_row_and_are_counted_also_when_the_erasure_is_repeated()
    {
        await given.Count(Acme, "gone-1", 1, 2);
        await given.Count(Acme, "gone-2", 1);
        await given.Count(Acme, "stays", 1);
        await given.Count(Borg, "gone-1", 7);
        var session = given.Store.Tenant(Acme);

        // Interrupted after the first stream, then repeated with all.
        await session.Erase(new Erasure(_erasure, [TallyState.Stream.For("gone-1")], []), Token);
        var all = new Erasure(_erasure, [.. new[] { "gone-1", "gone-2", "never-was" }.Select(TallyState.Stream.For)], ["NEVER-USED"]);
        var counts = await session.Erase(all, Token);
        var again = await session.Erase(all, Token);

        Assert.Equal(new Dictionary<string, long> { ["tally"] = 2, [TenantSession.ErasedKeys] = 0 }, counts); // no key was ever made for that code
        Assert.Equal(counts, again);
        Assert.Equal(["stays"], await session.Keys(TallyState.Stream, Token));
        Assert.Equal(0, await given.Query<long>(
            $"""
            select (select count(*) from events.mt_events where tenant_id = '{Acme.Value}' and stream_id like '%gone%')
                 + (select count(*) from events.mt_streams where tenant_id = '{Acme.Value}' and id like '%gone%')
                 + (select count(*) from platform.inbox where tenant_id = '{Acme.Value}' and stream_id like '%gone%')
            """));
        Assert.Equal(7, (await given.Store.Tenant(Borg).Load(TallyState.Stream, "gone-1", Token)).State.Total);
    }

    [Fact]
    public async Task An_erased_stream_stays_erased_whatever_comes_late()
    {
        await given.Count(Acme, "late", 1);
        var session = given.Store.Tenant(Acme);
        await session.Erase(new Erasure(_erasure, [TallyState.Stream.For("late")], []), Token);

        var any = await given.Count(Acme, "late", 1);
        var fresh = await session.Append(TallyState.Stream, "late", ExpectedVersion.New, [new TallyCounted(1)], NewCause(), Token);
        var exact = await session.Append(TallyState.Stream, "late", ExpectedVersion.Exactly(1), [new TallyCounted(1)], NewCause(), Token);
        var handled = await session.Handle(TallyState.Stream, "late", _ => new TallyCounted(1), NewCause(), Token);

        Assert.All(new[] { any, fresh, exact }, result => Assert.Equal(AppendOutcome.Closed, result.Outcome));
        Assert.Equal("stream-closed", Assert.IsType<Decision<TallyEvent>.Rejected>(handled).Reason.Code);
        Assert.Empty(await session.Read(TallyState.Stream, "late", Token));
    }

    [Fact]
    public async Task An_erased_stream_that_a_foreign_writer_began_again_is_closed_to_us_and_can_be_erased_again()
    {
        await given.Count(Acme, "again", 1);
        var session = given.Store.Tenant(Acme);
        var first = new Erasure(_erasure, [TallyState.Stream.For("again")], []);
        await session.Erase(first, Token);
        await using (var foreign = await AForeignWriter.Begin(given, "again"))
        {
            await foreign.Append();
            await foreign.Commit();
        }

        var ours = await given.Count(Acme, "again", 1);
        var second = await session.Erase(first with { Id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()) }, Token);

        Assert.Equal(AppendOutcome.Closed, ours.Outcome);
        Assert.Equal(1, second["tally"]);
        Assert.Equal(1, (await session.Erase(first, Token))["tally"]);
        Assert.Empty(await session.Read(TallyState.Stream, "again", Token));
    }

    [Fact]
    public async Task An_append_that_meets_an_erasure_is_there_and_erased_or_refused()
    {
        for (var round = 0; round < 20; round++)
        {
            var key = $"race-{round}";
            await given.Count(Acme, key, 1);

            var append = given.Count(Acme, key, 1);
            var erase = given.Store.Tenant(Acme).Erase(new Erasure(_erasure, [TallyState.Stream.For(key)], []), Token);
            await Task.WhenAll(append, erase);

            Assert.Empty(await given.Store.Tenant(Acme).Read(TallyState.Stream, key, Token));
        }
    }

    [Fact]
    public async Task A_stream_is_not_begun_anew_by_who_waited_for_its_erasure()
    {
        await given.Count(Acme, "waited", 1);
        await using var erasing = await given.Database.OpenConnectionAsync(Token);
        await using var transaction = await erasing.BeginTransactionAsync(Token);
        await using (var erase = new NpgsqlCommand($"select platform.erase('{Acme}', 'tally:waited', '{_erasure}', now())", erasing, transaction))
        {
            await erase.ExecuteNonQueryAsync(Token);
        }

        var late = given.Store.Tenant(Acme).Append(
            TallyState.Stream, "waited", ExpectedVersion.New, [new TallyCounted(1)], NewCause(), Token);
        await Eventually.Equal(1, () => given.Query<long>(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%platform.append%' and datname = current_database()"));
        await transaction.CommitAsync(Token);

        Assert.Equal(new AppendResult(AppendOutcome.Closed, 0, 0), await late);
        Assert.Equal(0, await given.Query<long>("select count(*) from events.mt_streams where id = 'tally:waited'"));
    }
}
