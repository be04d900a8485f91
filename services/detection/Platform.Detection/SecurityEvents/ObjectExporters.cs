using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Npgsql;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Windows;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Which exporters told of which object in the last minutes: whose tenants are told when one of them falls silent. Each process hears its own partitions only and writes
/// down what it hears within seconds, so that any process can ask for all of it and who takes a partition over need not begin anew.
/// </summary>
internal sealed class ObjectExporters(NpgsqlDataSource database, ObjectDirectory objects, TimeProvider clock, ILogger<ObjectExporters> log) : BackgroundService
{
    /// <summary>An exporter that told nothing of an object for so long carries its traffic no more.</summary>
    public static readonly TimeSpan Lately = TimeSpan.FromMinutes(10);

    /// <summary>Of one object; who comes when there are so many is not known.</summary>
    internal const int Most = 64;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(1); // what is written down is at most so old while it goes on
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(7); // a fact may be that late
    private static readonly TimeSpan LongestSilence = TimeSpan.FromDays(90); // then nobody waits for its end: the exporter may have been removed

    private readonly ConcurrentDictionary<Guid, Dictionary<Guid, Told>> _objects = [];
    private DateTimeOffset _cleaned = DateTimeOffset.MinValue;

    public void Note(TrafficWindowBatch batch, DateTimeOffset now)
    {
        if (batch.Exporters.Count == 0 || !Guid.TryParse(batch.ObjectId, out var id) || objects.Find(id) is not { IsRetired: false })
        {
            return;
        }

        var known = _objects.GetOrAdd(id, static _ => []);
        lock (known)
        {
            foreach (var bytes in batch.Exporters)
            {
                if (bytes.Length != 16)
                {
                    continue;
                }

                var exporter = new Guid(bytes.Span, bigEndian: true);
                if (known.Count >= Most && !known.ContainsKey(exporter))
                {
                    continue;
                }

                ref var told = ref CollectionsMarshal.GetValueRefOrAddDefault(known, exporter, out var isKnown);
                told = isKnown ? told with { Last = now } : new Told(now, now, DateTimeOffset.MinValue);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await Save(clock.GetUtcNow(), stoppingToken);
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException && !stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("exporters of objects", unreachable.Message);
            }
        }
    }

    private async Task Save(DateTimeOffset now, CancellationToken cancellation)
    {
        var news = News(now);
        if (news.Count > 0)
        {
            await Write(news, cancellation);
            foreach (var (exporter, id, told) in news)
            {
                MarkSaved(exporter, id, told.Last);
            }
        }

        if (now - _cleaned >= Lately)
        {
            _cleaned = now;
            await using var clean = database.CreateCommand(
                """
                with over as (delete from views.exporter_silences_v1 where silent_at < $2)
                delete from views.object_exporters_v1 where heard_at < $1
                """);
            clean.Parameters.Add(new() { Value = now - KeptFor });
            clean.Parameters.Add(new() { Value = now - LongestSilence });
            await clean.ExecuteNonQueryAsync(cancellation);
        }
    }

    /// <summary>What is not written down yet, in the order of its keys: two processes that write the same do not wait for each other in a circle.</summary>
    private List<(Guid Exporter, Guid Object, Told Told)> News(DateTimeOffset now)
    {
        var news = new List<(Guid Exporter, Guid Object, Told Told)>();
        foreach (var (id, known) in _objects)
        {
            lock (known)
            {
                foreach (var (exporter, told) in known)
                {
                    if (now - told.Last > Lately)
                    {
                        known.Remove(exporter); // allowed while enumerating since .NET Core 3
                    }
                    else if (told.Last - told.Saved >= Again)
                    {
                        news.Add((exporter, id, told));
                    }
                }
            }
        }

        news.Sort((a, b) => (a.Exporter, a.Object).CompareTo((b.Exporter, b.Object)));
        return news;
    }

    private async Task Write(List<(Guid Exporter, Guid Object, Told Told)> news, CancellationToken cancellation)
    {
        await using var insert = database.CreateCommand(
            """
            insert into views.object_exporters_v1 as known (exporter_id, object_id, since, heard_at)
            select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
            on conflict (exporter_id, object_id) do update set
                since = case when excluded.since - known.heard_at > $5 then excluded.since else least(known.since, excluded.since) end,
                heard_at = greatest(known.heard_at, excluded.heard_at)
            """);
        insert.Parameters.Add(new() { Value = news.Select(one => one.Exporter).ToArray() });
        insert.Parameters.Add(new() { Value = news.Select(one => one.Object).ToArray() });
        insert.Parameters.Add(new() { Value = news.Select(one => one.Told.Since).ToArray() });
        insert.Parameters.Add(new() { Value = news.Select(one => one.Told.Last).ToArray() });
        insert.Parameters.Add(new() { Value = Lately });
        await insert.ExecuteNonQueryAsync(cancellation);
    }

    private void MarkSaved(Guid exporter, Guid id, DateTimeOffset last)
    {
        var known = _objects[id];
        lock (known)
        {
            if (known.TryGetValue(exporter, out var told))
            {
                known[exporter] = told with { Saved = last };
            }
        }
    }

    /// <param name="Since">First heard, without a long pause since.</param>
    /// <param name="Last">Last heard.</param>
    /// <param name="Saved"><paramref name="Last"/> as it is written down.</param>
    private readonly record struct Told(DateTimeOffset Since, DateTimeOffset Last, DateTimeOffset Saved);
}
