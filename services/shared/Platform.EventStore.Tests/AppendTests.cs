using System.Diagnostics;
using System.Net;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

public sealed class AppendTests(AStore given) : IClassFixture<AStore>
{
    private static readonly TallyOpened _opened =
        new("本社 \"A\" \n", IPNetwork.Parse("203.0.113.0/24"), TallyKind.Weighted, Noon.ToOffset(TimeSpan.FromHours(9)));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_appended_is_read_back_in_order_with_its_metadata()
    {
        using var activity = new Activity("append").SetIdFormat(ActivityIdFormat.W3C).Start();
        var session = given.Store.Tenant(Acme);
        var cause = new Cause("message-1", "operator:7", "192.0.2.1");
        TallyEvent[] events = [_opened, new TallyCounted(3), new TallyClosed(IPAddress.IPv6Loopback)];

        var result = await session.Append(TallyState.Stream, "read-back", ExpectedVersion.New, events, cause, Token);

        var read = await session.Read(TallyState.Stream, "read-back", Token);
        Assert.Equal((AppendOutcome.Appended, 3, read[^1].Sequence), (result.Outcome, result.Version, result.Sequence));
        Assert.Equal(events, read.Select(e => e.Data));
        Assert.Equal([1, 2, 3], read.Select(e => e.Version));
        Assert.All(read, e => Assert.Equal(
            (Acme, "tally", "read-back", Noon, new EventMetadata(activity.TraceId.ToHexString(), "message-1", "operator:7", "192.0.2.1", activity.Id)),
            (e.TenantId, e.StreamType, e.StreamKey, e.RecordedAt, e.Metadata)));
    }

    [Fact]
    public async Task A_stored_row_looks_as_Marten_writes_it()
    {
        await given.Store.Tenant(Acme).Append(TallyState.Stream, "row", ExpectedVersion.New, [_opened], new Cause("c", CorrelationId: "k"), Token);

        Assert.Equal(
            """tally_opened | Platform.EventStore.Tests.TallyOpened, Platform.EventStore.Tests | {"Kind": 1, "Title": "本社 \"A\" \n", "Prefix": "203.0.113.0/24", "OpenedAt": "2030-01-01T21:00:00+09:00"} | k | c | f""",
            await given.Query<string>(
                "select concat_ws(' | ', type, mt_dotnet_type, data, correlation_id, causation_id, is_archived) from events.mt_events where stream_id = 'tally:row'"));
        Assert.Equal(
            "1 | - | f | 2030-01-01 12:00:00",
            await given.Query<string>(
                "select concat_ws(' | ', version, coalesce(type, '-'), is_archived, timestamp at time zone 'utc') from events.mt_streams where id = 'tally:row'"));
        Assert.Equal("synchronised", await given.Query<string>("select headers ->> 'clock' from events.mt_events where stream_id = 'tally:row'"));
    }

    [Fact]
    public async Task A_new_stream_is_refused_where_one_is()
    {
        await given.Count(Acme, "new", 1);

        var second = await Append("new", ExpectedVersion.New, "other");

        Assert.Equal(new AppendResult(AppendOutcome.Conflict, 1, 0), second);
    }

    [Fact]
    public async Task Another_version_than_expected_is_refused_and_burns_no_sequence_number()
    {
        await given.Count(Acme, "burn", 1, 2);
        var before = await given.Query<long>("select last_value from events.mt_events_sequence");

        var results = new[]
        {
            await Append("burn", ExpectedVersion.Exactly(1), "a"),
            await Append("burn", ExpectedVersion.Exactly(3), "b"),
            await Append("burn", ExpectedVersion.New, "c"),
            await Append("nobody", ExpectedVersion.Exactly(5), "d"),
        };

        Assert.Equal([2, 2, 2, 0], results.Select(result => result.Version));
        Assert.All(results, result => Assert.Equal(AppendOutcome.Conflict, result.Outcome));
        Assert.Equal(before, await given.Query<long>("select last_value from events.mt_events_sequence"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public async Task The_same_cause_again_changes_nothing_and_answers_the_first_outcome(int expectation)
    {
        var (key, cause) = ($"again{expectation}", NewCause());
        var session = given.Store.Tenant(Acme);
        var expected = expectation < 0 ? ExpectedVersion.Any : ExpectedVersion.Exactly(expectation);
        if (expectation == 1)
        {
            await given.Count(Acme, key, 1);
        }

        var first = await session.Append(TallyState.Stream, key, expected, [new TallyCounted(1), new TallyCounted(1)], cause, Token);
        await given.Count(Acme, key, 5);
        var second = await session.Append(TallyState.Stream, key, expected, [new TallyCounted(1), new TallyCounted(1)], cause, Token);

        Assert.Equal((AppendOutcome.Appended, AppendOutcome.Repeated), (first.Outcome, second.Outcome));
        Assert.Equal(first.Version, second.Version);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_the_same_cause_at_the_same_moment_one_takes_effect(bool streamExists)
    {
        for (var round = 0; round < 20; round++)
        {
            var (key, cause) = ($"moment{streamExists}{round}", NewCause());
            if (streamExists)
            {
                await given.Count(Acme, key, 1);
            }

            var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => given.Store.Tenant(Acme).Append(
                TallyState.Stream, key, ExpectedVersion.Any, [new TallyCounted(1)], cause, Token)));

            Assert.Single(results, result => result.Outcome is AppendOutcome.Appended);
            Assert.Equal(5, results.Count(result => result.Outcome is AppendOutcome.Repeated));
        }
    }

    [Fact]
    public async Task A_cause_that_took_effect_before_the_version_expected_now_is_answered_as_repeated()
    {
        var (key, cause) = ("before-version", NewCause());
        var session = given.Store.Tenant(Acme);
        await session.Append(TallyState.Stream, key, ExpectedVersion.New, [new TallyCounted(1)], cause, Token);

        var again = await session.Append(TallyState.Stream, key, ExpectedVersion.Exactly(1), [new TallyCounted(1)], cause, Token);

        Assert.Equal((AppendOutcome.Repeated, 1), (again.Outcome, again.Version));
        Assert.Equal(1, (await session.Load(TallyState.Stream, key, Token)).Version);
    }

    [Fact]
    public async Task Many_deciders_of_one_stream_all_take_effect_once_each()
    {
        var session = given.Store.Tenant(Acme);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 10; i++)
            {
                await session.Handle(TallyState.Stream, "contended", state => new TallyCounted(state.Total + 1), NewCause(), Token);
            }
        }));

        var (state, version) = await session.Load(TallyState.Stream, "contended", Token);
        Assert.Equal(80, version);
        Assert.Equal(80, state.Events);
        // Each decision saw the one before: 1, 2, 4, 8 would break if two had seen the same state.
        var counts = (await session.Read(TallyState.Stream, "contended", Token)).Select(e => ((TallyCounted)e.Data).By).ToList();
        Assert.Equal(Enumerable.Range(0, 80).Select(i => unchecked(1 << i)).Take(20), counts.Take(20));
    }

    [Fact]
    public async Task Deciding_again_is_bounded()
    {
        var (session, decided) = (given.Store.Tenant(Acme), 0);
        Decision<TallyEvent> AlwaysOvertaken(TallyState _)
        {
            decided++;
            given.Database.CreateCommand("update events.mt_streams set version = version + 1 where id = 'tally:overtaken'").ExecuteNonQuery();
            return new TallyCounted(1);
        }

        await given.Count(Acme, "overtaken", 1);
        await Assert.ThrowsAsync<StreamContendedException>(() =>
            session.Handle(TallyState.Stream, "overtaken", AlwaysOvertaken, NewCause(), Token));

        Assert.Equal(20, decided);
    }

    [Fact]
    public async Task Whoever_listens_is_told_of_an_append()
    {
        await using var listener = new Npgsql.NpgsqlConnection(given.ConnectionString);
        await listener.OpenAsync(Token);
        await using (var listen = new Npgsql.NpgsqlCommand("listen platform_events", listener))
        {
            await listen.ExecuteNonQueryAsync(Token);
        }

        await given.Count(Acme, "told", 1);

        Assert.True(await listener.WaitAsync(TimeSpan.FromSeconds(15), Token));
    }

    [Fact]
    public async Task A_refusal_appends_nothing_and_a_repeated_cause_is_not_decided_again()
    {
        var session = given.Store.Tenant(Acme);
        var (cause, decided) = (NewCause(), 0);
        Decision<TallyEvent> Count(TallyState _)
        {
            decided++;
            return new TallyCounted(1);
        }

        await session.Handle(TallyState.Stream, "handle", Count, cause, Token);
        var repeated = await session.Handle(TallyState.Stream, "handle", Count, cause, Token);
        var refused = await session.Handle(
            TallyState.Stream, "handle", _ => new Rejection(RejectionKind.Conflict, "no", "No.", "Not now."), NewCause(), Token);

        Assert.Equal(1, decided);
        Assert.Same(Decision<TallyEvent>.Unchanged, repeated);
        Assert.IsType<Decision<TallyEvent>.Rejected>(refused);
        Assert.Equal(1, (await session.Load(TallyState.Stream, "handle", Token)).Version);
    }

    [Fact]
    public async Task What_was_decided_comes_with_the_state_after_it_without_another_reading()
    {
        var session = given.Store.Tenant(Acme);
        var (cause, folded) = (NewCause(), 0);
        var stream = TallyState.Stream with
        {
            Evolve = (state, happened) =>
            {
                folded++;
                return TallyState.Stream.Evolve(state, happened);
            },
        };
        await given.Count(Acme, "after", 3, 4);

        var (_, after) = await session.HandleAndLoad(stream, "after", _ => new TallyCounted(5), cause, Token);

        Assert.Equal((new TallyState(12, 3), 3), (after, folded));
        await given.Count(Acme, "after", 1);
        var (repeated, now) = await session.HandleAndLoad(stream, "after", _ => new TallyCounted(5), cause, Token);
        Assert.Equal((Decision<TallyEvent>.Unchanged, new TallyState(13, 4)), (repeated, now));
        var (_, unchanged) = await session.HandleAndLoad(stream, "after", _ => Decision<TallyEvent>.Unchanged, NewCause(), Token);
        Assert.Equal(now, unchanged);
    }

    [Fact]
    public async Task A_stream_is_read_from_the_last_event_on_that_settles_what_was_before()
    {
        var session = given.Store.Tenant(Acme);
        var settled = TallyState.Stream with { SettledBy = typeof(TallyClosed) };
        TallyEvent closed = new TallyClosed(IPAddress.IPv6Loopback);
        await session.Append(
            settled, "settled", ExpectedVersion.New, [new TallyCounted(3), closed, new TallyCounted(4), closed, new TallyCounted(5)], NewCause(), Token);

        Assert.Equal((new TallyState(5, 2), 5), await session.Load(settled, "settled", Token));
        await session.Handle(settled, "settled", state => new TallyCounted(state.Total), NewCause(), Token); // at the version that the stream has
        Assert.Equal((new TallyState(10, 3), 6), await session.Load(settled, "settled", Token));

        await given.Count(Acme, "unsettled", 1, 2);
        Assert.Equal((new TallyState(3, 2), 2), await session.Load(settled, "unsettled", Token));
        Assert.Equal((new TallyState(0, 0), 0), await session.Load(settled, "none", Token));
    }

    [Fact]
    public async Task Of_a_stream_only_what_a_question_is_about_is_folded_and_it_is_appended_to_as_it_stands()
    {
        var session = given.Store.Tenant(Acme);
        var folded = 0;
        var fives = TallyState.Stream with
        {
            About = """{"By":5}""",
            Evolve = (state, happened) =>
            {
                folded++;
                return happened is TallyCounted { By: 5 } ? TallyState.Stream.Evolve(state, happened) : state;
            },
        };
        await given.Count(Acme, "about", 5, 1, 2, 3, 5, 4);

        var (_, state) = await session.HandleAndLoad(fives, "about", _ => new TallyCounted(5), NewCause(), Token);

        Assert.Equal((new TallyState(15, 3), 4), (state, folded)); // two of six, the last one, and what was decided
        Assert.Equal((new TallyState(15, 3), 7), await session.Load(fives, "about", Token));
        Assert.Equal((new TallyState(0, 0), 0), await session.Load(fives, "none", Token));
    }

    [Fact]
    public async Task A_text_that_cannot_be_stored_is_refused_and_not_a_failure()
    {
        var opened = new TallyOpened("a\0b", System.Net.IPNetwork.Parse("192.0.2.0/24"), TallyKind.Plain, Noon);

        var decision = await given.Store.Tenant(Acme).Handle(TallyState.Stream, "nul", _ => opened, NewCause(), Token);

        Assert.Equal("text-not-storable", Assert.IsType<Decision<TallyEvent>.Rejected>(decision).Reason.Code);
        Assert.Empty(await given.Store.Tenant(Acme).Read(TallyState.Stream, "nul", Token));
    }

    [Fact]
    public async Task An_archived_stream_takes_no_more_events()
    {
        await given.Count(Acme, "archived", 1);
        await given.Execute("update events.mt_streams set is_archived = true where id = 'tally:archived'");

        Assert.Equal(AppendOutcome.Closed, (await given.Count(Acme, "archived", 1)).Outcome);
        var refused = await given.Store.Tenant(Acme).Handle(TallyState.Stream, "archived", _ => new TallyCounted(1), NewCause(), Token);
        Assert.Equal("stream-closed", Assert.IsType<Decision<TallyEvent>.Rejected>(refused).Reason.Code);
    }

    [Fact]
    public async Task Events_stream_and_cause_are_written_by_one_transaction()
    {
        await given.Count(Acme, "one", 1, 2, 3);

        Assert.Equal(1, await given.Query<long>(
            """
            select count(distinct xmin::text) from (
                select xmin from events.mt_events where stream_id = 'tally:one'
                union all select xmin from events.mt_streams where id = 'tally:one'
                union all select xmin from platform.inbox where stream_id = 'tally:one') as written
            """));
    }

    private Task<AppendResult> Append(string key, ExpectedVersion expected, string cause) => given.Store.Tenant(Acme).Append(
        TallyState.Stream, key, expected, [new TallyCounted(1)], new Cause(cause), Token);
}
