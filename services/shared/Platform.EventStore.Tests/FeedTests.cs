using System.Diagnostics.Metrics;
using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>Every committed event, once, in order, whatever writers do.</summary>
[Trait("Requirement", "R197")]
public sealed class FeedTests(PostgresServer server) : IAsyncLifetime
{
    private readonly AStore _given = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _given.InitializeAsync();

    public ValueTask DisposeAsync() => _given.DisposeAsync();

    [Fact]
    public async Task Nothing_is_passed_while_an_earlier_number_may_still_commit()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1);
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);

        await slow.Commit();

        await Eventually.Equal("1 2 3", () => reader.Seen);
    }

    [Fact]
    public async Task A_number_that_was_rolled_back_is_passed()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);

        await slow.Rollback();

        await Eventually.Equal("2", () => reader.Seen);
    }

    [Fact]
    public async Task A_number_whose_writer_was_killed_is_passed()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);

        await _given.Execute($"select pg_terminate_backend({slow.ProcessId})");

        await Eventually.Equal("2", () => reader.Seen);
    }

    [Fact]
    public async Task A_writer_that_took_its_number_before_it_had_a_transaction_id_is_waited_for()
    {
        await _given.Count(Acme, "first", 1);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        while (!await slow.TakeNumberBeforeAnythingElse())
        {
            await slow.BeginAgain();
        }

        await using var reader = new Reader(_given.Feed);
        await Eventually.Equal("1", () => reader.Seen);
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(1);

        await slow.AppendWithNumberTaken();
        await slow.Commit();

        await Eventually.Equal(await _given.Query<string>("select string_agg(seq_id::text, ' ' order by seq_id) from events.mt_events"), () => reader.Seen);
    }

    [Fact]
    public async Task A_number_of_a_savepoint_that_was_rolled_back_is_passed_when_its_transaction_has_ended()
    {
        await using var reader = new Reader(_given.Feed);
        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Execute("savepoint s");
        await slow.Append();
        await slow.Execute("rollback to savepoint s");
        await _given.Count(Acme, "fast", 1);
        await reader.StaysAt(0);
        await slow.Append();

        await slow.Commit();

        await Eventually.Equal("2 3", () => reader.Seen);
    }

    [Fact]
    public async Task A_transaction_that_was_prepared_for_a_two_phase_commit_is_waited_for()
    {
        await using var reader = new Reader(_given.Feed);
        var name = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
        await using (var slow = await AForeignWriter.Begin(_given, "slow"))
        {
            await slow.Append();
            await _given.Count(Acme, "fast", 1);
            await reader.StaysAt(0); // it knows who holds it back; under which name changes now
            await slow.Execute($"prepare transaction '{name}'");
        }

        await reader.StaysAt(0);

        await _given.Execute($"commit prepared '{name}'");

        await Eventually.Equal("1 2", () => reader.Seen);
    }

    [Fact]
    public async Task A_transaction_that_is_left_open_is_ended_by_the_database_after_a_minute()
    {
        await using var fresh = NpgsqlDataSource.Create(_given.ConnectionString); // sessions opened before the migration have the server's setting
        await using var setting = fresh.CreateCommand("show idle_in_transaction_session_timeout");
        Assert.Equal("1min", await setting.ExecuteScalarAsync(Token));
        await using var reader = new Reader(_given.Feed);
        await using var left = await AForeignWriter.Begin(_given, "left");
        await left.Execute("set local idle_in_transaction_session_timeout = '100ms'");
        await left.Append();
        await _given.Count(Acme, "fast", 1);

        await Eventually.Equal("2", () => reader.Seen);
    }

    [Fact]
    public async Task A_long_transaction_that_appends_nothing_holds_nobody_back()
    {
        await using var reader = new Reader(_given.Feed);
        await using var idle = await AForeignWriter.Begin(_given, "idle");
        await idle.Execute("insert into views.tallies_v1 values ('t', 't', 0, 0)");
        await using (var dead = await AForeignWriter.Begin(_given, "dead"))
        {
            await dead.Append();
            await dead.Rollback();
        }

        await _given.Count(Acme, "fast", 1);

        await Eventually.Equal("2", () => reader.Seen);
    }

    [Fact]
    public async Task Events_of_a_foreign_writer_arrive_without_a_notification()
    {
        await using var reader = new Reader(_given.Feed);
        await using var foreign = await AForeignWriter.Begin(_given, "foreign");
        await foreign.Append();
        await foreign.Commit();

        await Eventually.Equal("1", () => reader.Seen);
        await _given.Count(Acme, "foreign", 1); // and ours goes on where it stopped
        await Eventually.Equal("1 2", () => reader.Seen);
        Assert.Equal(2, (await _given.Store.Tenant(Acme).Load(TallyState.Stream, "foreign", Token)).Version);
    }

    [Fact]
    public async Task Waiting_for_events_throws_nothing_and_ends_with_the_next_one()
    {
        var ours = new AsyncLocal<bool> { Value = true };
        var thrown = 0;
        AppDomain.CurrentDomain.FirstChanceException += Note;
        try
        {
            await using var reader = new Reader(_given.Feed);
            await _given.Count(Acme, "one", 1);
            await Eventually.Equal("1", () => reader.Seen);
            Volatile.Write(ref thrown, 0); // opening may have met anything
            await reader.StaysAt(1);
            await reader.StaysAt(1);
            Assert.Equal(0, thrown);

            await _given.Count(Acme, "one", 1);
            await Eventually.Equal("1 2", () => reader.Seen);
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= Note;
        }

        void Note(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs first)
        {
            if (ours.Value) // not what other tests do meanwhile
            {
                Interlocked.Increment(ref thrown);
            }
        }
    }

    [Fact]
    public async Task Numbers_that_Marten_filled_with_a_tombstone_are_passed_over()
    {
        await _given.Execute(
            """
            insert into events.mt_streams (id, version) values ('mt_tombstone', 0);
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp)
            select nextval('events.mt_events_sequence'), gen_random_uuid(), 'mt_tombstone', 0, '{}', 'tombstone', now()
            """);
        await _given.Count(Acme, "a", 1);

        await using var reader = new Reader(_given.Feed);

        await Eventually.Equal("2", () => reader.Seen);
    }

    [Fact]
    public async Task An_event_that_cannot_be_read_is_named_after_all_before_it_were_given_out()
    {
        await _given.Count(Acme, "a", 1, 2);
        await _given.Execute("update events.mt_events set type = 'never_heard_of' where seq_id = 2");
        var seen = new List<long>();

        var failure = await Assert.ThrowsAsync<UnreadableEventException>(async () =>
        {
            await foreach (var batch in _given.Feed.Follow("reader", Token))
            {
                seen.AddRange(batch.Events.Select(e => e.Sequence));
                await batch.Advance(Token);
            }
        });

        Assert.Equal([1], seen);
        Assert.Equal(2, failure.Sequence);
    }

    [Fact]
    public async Task Another_reader_of_the_name_goes_on_where_a_dead_one_stopped()
    {
        await using var first = new Reader(_given.Feed);
        await _given.Count(Acme, "a", 1, 2);
        await Eventually.Equal("1 2", () => first.Seen);
        await using var second = new Reader(_given.Feed);
        await second.StaysAt(0);

        await _given.KillReaders();
        await _given.Count(Acme, "a", 3);

        await Eventually.Equal("3", () => second.Seen);
        Assert.Equal("1 2", first.Seen);
    }

    [Fact]
    public async Task Two_readers_that_both_believe_to_be_the_one_cannot_both_advance()
    {
        await _given.Count(Acme, "a", 1);
        await using var feed = _given.Feed.Follow("reader", Token).GetAsyncEnumerator(Token);
        await feed.MoveNextAsync();
        await _given.Execute("update platform.checkpoints set position = 1 where name = 'reader'");

        await Assert.ThrowsAsync<PostgresException>(() => feed.Current.Advance(Token));
    }

    [Fact]
    public async Task Lag_is_measured_in_events_and_seconds_and_goes_back_to_nothing()
    {
        var lag = new Dictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Platform.EventStore")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Note<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        {
            if (tags.ToArray().Any(tag => tag.Value as string == "lagging"))
            {
                lag[instrument.Name] = Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        listener.SetMeasurementEventCallback<long>(Note);
        listener.SetMeasurementEventCallback<double>(Note);
        listener.Start();
        async Task<(double Events, double Seconds)> Lag()
        {
            await _given.Feed.MeasureLag(Token);
            listener.RecordObservableInstruments();
            return (lag.GetValueOrDefault("platform.eventstore.feed.lag.events", -1), lag.GetValueOrDefault("platform.eventstore.feed.lag.seconds", -1));
        }

        await using var slow = await AForeignWriter.Begin(_given, "slow");
        await slow.Append();
        await _given.Count(Acme, "fast", 1, 2);
        _given.Clock.Advance(TimeSpan.FromSeconds(90));
        await using var reader = new Reader(_given.Feed, "lagging");
        await Eventually.Equal((3, 90), Lag);

        await slow.Rollback();

        await Eventually.Equal((0, 0), Lag);
    }

    [Fact]
    public async Task Eight_writers_and_a_reader_miss_nothing_and_see_nothing_twice()
    {
        await using var reader = new Reader(_given.Feed);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        stop.CancelAfter(TestEnvironment.Load);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async writer =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                if (writer % 4 == 0 && i % 3 == 0)
                {
                    await using var foreign = await AForeignWriter.Begin(_given, $"foreign-{writer}");
                    await foreign.Append(2);
                    await (i % 2 == 0 ? foreign.Commit() : foreign.Rollback());
                }
                else
                {
                    await _given.Count(Acme, $"w-{writer % 3}", Enumerable.Range(0, 1 + (i % 3)).ToArray());
                }
            }
        }));

        var stored = await _given.Query<string>("select string_agg(seq_id::text, ' ' order by seq_id) from events.mt_events");

        await Eventually.Equal(stored.Length, () => reader.Seen.Length);
        Assert.Equal(stored, reader.Seen);
    }

    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<long> _seen = [];
        private readonly Task _reading;

        public Reader(EventFeed feed, string name = "reader") => _reading = Read(feed, name);

        public string Seen
        {
            get
            {
                lock (_seen)
                {
                    return string.Join(' ', _seen);
                }
            }
        }

        public async Task StaysAt(int count)
        {
            for (var look = 0; look < 30; look++)
            {
                lock (_seen)
                {
                    Assert.Equal(count, _seen.Count);
                }

                await Task.Delay(10, Token);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.Dispose();
        }

        private async Task Read(EventFeed feed, string name)
        {
            await foreach (var batch in feed.Follow(name, _stop.Token))
            {
                lock (_seen)
                {
                    _seen.AddRange(batch.Events.Select(e => e.Sequence));
                }

                await batch.Advance(_stop.Token);
            }
        }
    }
}
