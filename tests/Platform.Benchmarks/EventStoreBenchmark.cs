using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Benchmarks;

/// <summary>
/// The event store on a PostgreSQL of its own that writes to the disk before it confirms. Appends carry all that a service's carry:
/// cause with inbox row, actor, hash chain. Beside each append figure runs <c>plain_...</c>: the same events through a function that
/// does only what Marten's does, called with one prepared command on a connection that is never given back. It tells what the machine
/// gives at that moment. Arguments: seconds per append figure (default 5).
/// </summary>
internal static class EventStoreBenchmark
{
    private const int FoldedEvents = 100;
    private const int ProjectedEvents = 50_000;
    private static readonly TenantId _tenant = TenantId.Of(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"));

    public static async Task<object> Run(string[] args)
    {
        var seconds = args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 5;
        await using var server = PostgresServer.Own(new PostgresSetup { Durable = true });
        await server.InitializeAsync();
        var figures = new Dictionary<string, double>();

        await using (var given = await AStore.On(server))
        {
            await Appends(given.Store, 1, 8, TimeSpan.FromSeconds(5)); // until everything is compiled as it will stay
        }

        foreach (var perAppend in new[] { 1, 10, 100 })
        {
            foreach (var clients in new[] { 1, 8 })
            {
                await using var given = await AStore.On(server);
                await Appends(given.Store, perAppend, clients, TimeSpan.FromSeconds(1));
                Note($"append_{perAppend}_clients_{clients}", await Appends(given.Store, perAppend, clients, TimeSpan.FromSeconds(seconds)));
                Note($"plain_{perAppend}_clients_{clients}", await PlainAppend.Run(given.Database, perAppend, clients, TimeSpan.FromSeconds(seconds)));
            }
        }

        await using (var given = await AStore.On(server))
        {
            var times = await Folds(given.Store);
            Note("fold100_median_ms", times[times.Count / 2]);
            Note("fold100_p95_ms", times[times.Count * 95 / 100]);
        }

        await using (var given = await AStore.On(server))
        {
            await Interleaved(given.Store);
            Note("feed_events_s", await Feed(given.Store));
            Note("projection_events_s", await Projection(given));
        }

        return figures;

        void Note(string name, double value)
        {
            figures[name] = Math.Round(value, value < 10 ? 3 : 0);
            Console.WriteLine($"{name,-24} {figures[name],10}");
        }
    }

    /// <summary>Events per second. Each client fills one stream after another with 100 events, expecting the version it left.</summary>
    private static async Task<double> Appends(StreamStore store, int perAppend, int clients, TimeSpan time)
    {
        var (since, appended) = (Stopwatch.StartNew(), 0L);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            var session = store.Tenant(_tenant);
            for (var stream = 0; ; stream++)
            {
                var key = $"{perAppend}-{clients}-{client}-{time.TotalSeconds}-{stream}";
                for (var version = 0; version < 100; version += perAppend)
                {
                    var result = await session.Append(
                        Measurement.Stream,
                        key,
                        ExpectedVersion.Exactly(version),
                        Events(perAppend),
                        new Cause($"{key}-{version}", "service:bench"),
                        CancellationToken.None);
                    if (result.Outcome is not AppendOutcome.Appended)
                    {
                        throw new InvalidOperationException($"{result}");
                    }

                    Interlocked.Add(ref appended, perAppend);
                    if (since.Elapsed > time)
                    {
                        return;
                    }
                }
            }
        })));
        return appended / since.Elapsed.TotalSeconds;
    }

    /// <summary>Milliseconds to load and fold a stream of 100 events, sorted.</summary>
    private static async Task<List<double>> Folds(StreamStore store)
    {
        var session = store.Tenant(_tenant);
        for (var stream = 0; stream < 100; stream++)
        {
            await session.Append(
                Measurement.Stream, $"fold-{stream}", ExpectedVersion.New, Events(FoldedEvents), new Cause($"{stream}"), CancellationToken.None);
        }

        var times = new List<double>();
        for (var i = 0; i < 6_000; i++)
        {
            var since = Stopwatch.GetTimestamp();
            var (state, _) = await session.Load(Measurement.Stream, $"fold-{i % 100}", CancellationToken.None);
            if (i >= 1_000)
            {
                times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            }

            if (state.Count != FoldedEvents)
            {
                throw new InvalidOperationException($"{state}");
            }
        }

        times.Sort();
        return times;
    }

    /// <summary>Streams of 50 events whose events lie far apart in the feed.</summary>
    private static async Task Interleaved(StreamStore store)
    {
        var session = store.Tenant(_tenant);
        for (var round = 0; round < 5; round++)
        {
            for (var stream = 0; stream < ProjectedEvents / 50; stream++)
            {
                await session.Append(
                    Measurement.Stream, $"view-{stream}", ExpectedVersion.Any, Events(10), new Cause($"{round}"), CancellationToken.None);
            }
        }
    }

    private static async Task<double> Feed(StreamStore store)
    {
        var (since, read) = (Stopwatch.StartNew(), 0);
        await foreach (var batch in new EventFeed(store).Follow("bench", CancellationToken.None))
        {
            read += batch.Events.Count;
            await batch.Advance(CancellationToken.None);
            if (read == ProjectedEvents)
            {
                break;
            }
        }

        return read / since.Elapsed.TotalSeconds;
    }

    private static async Task<double> Projection(AStore given)
    {
        using var stop = new CancellationTokenSource();
        var runner = new ProjectionRunner(given.Store, new Measurements(), NullLogger<ProjectionRunner>.Instance);
        var since = Stopwatch.StartNew();
        var running = runner.Run(stop.Token);
        await runner.CatchUp(CancellationToken.None);
        var elapsed = since.Elapsed;
        await stop.CancelAsync();
        await running;
        await using var check = given.Database.CreateCommand("select sum(events)::int from measurements_v1");
        return (int)(await check.ExecuteScalarAsync())! / elapsed.TotalSeconds;
    }

    internal static MeasurementEvent[] Events(int count)
    {
        var events = new MeasurementEvent[count];
        for (var i = 0; i < count; i++)
        {
            events[i] = new MeasurementTaken(Guid.Empty, "203.0.113.7", 120_000_000 + i, 90_000, DateTimeOffset.UnixEpoch.AddSeconds(i));
        }

        return events;
    }

    private sealed class AStore(PostgresServer server, string name, NpgsqlDataSource database) : IAsyncDisposable
    {
        public NpgsqlDataSource Database => database;

        public StreamStore Store { get; } = new(database, EventCatalog.Of(typeof(MeasurementEvent)), TimeProvider.System);

        public static async Task<AStore> On(PostgresServer server)
        {
            var name = Secrets.Name("bench");
            var settings = new NpgsqlConnectionStringBuilder(await server.CreateDatabase(name, Secrets.Password()));
            StreamStore.Tune(settings);
            await using (var migration = NpgsqlDataSource.Create(settings)) // its sessions began before the settings of the database
            {
                await new Migrator(migration, TimeProvider.System).Migrate(CancellationToken.None);
            }

            var database = NpgsqlDataSource.Create(settings);
            await using var table = database.CreateCommand(
                "create table measurements_v1 (stream varchar primary key, events bigint not null, bits bigint not null)");
            await table.ExecuteNonQueryAsync();
            return new(server, name, database);
        }

        public async ValueTask DisposeAsync()
        {
            await database.DisposeAsync();
            await server.DropDatabase(name);
        }
    }
}

internal abstract record MeasurementEvent;

internal sealed record MeasurementTaken(
    Guid ObjectId, string Address, long BitsPerSecond, long PacketsPerSecond, DateTimeOffset At) : MeasurementEvent;

internal sealed record Measurement(int Count, long BitsPerSecond)
{
    public static readonly StreamType<Measurement, MeasurementEvent> Stream = new(
        "measurement",
        new Measurement(0, 0),
        (state, happened) => new(state.Count + 1, state.BitsPerSecond + ((MeasurementTaken)happened).BitsPerSecond));
}

internal sealed class Measurements : IProjection
{
    public string Name => "measurements_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql) => sql.Add($"""
        insert into measurements_v1 (stream, events, bits) values ({recorded.StreamKey}, 1, {((MeasurementTaken)recorded.Data).BitsPerSecond})
        on conflict (stream) do update set events = measurements_v1.events + 1, bits = measurements_v1.bits + excluded.bits
        """);
}
