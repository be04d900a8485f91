using Npgsql;
using Platform.Detection.Learning;

namespace Platform.Detection.Windows;

/// <summary>
/// Shares the partitions among the processes that stand in line for them. By itself the first in line reads everything; so each process says every second in the
/// database that it is there, works out who should read what, and gives away what it reads beyond its share once that one is the next in line. Nobody
/// takes anything: who reads is the broker's decision alone, and while the database is away everything stays as it is.
/// </summary>
internal sealed class PartitionShares(NpgsqlDataSource database, BaselineKeeper baselines, TimeProvider clock, ILogger<PartitionShares> log)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What was taken over is not passed on before a process that vanished (see the query) is out of everybody's plan.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(6);

    private readonly Guid _me = Guid.CreateVersion7(clock.GetUtcNow());

    /// <summary>Keeps to our share until stopped.</summary>
    public async Task Keep(IReadOnlyList<PartitionReader> readers, CancellationToken stopping)
    {
        var behind = new Guid[readers.Count]; // of each partition, for whom we have made way
        var giving = Task.CompletedTask;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var others = await Meet(readers, stopping);
                var plan = PartitionPlan.Of(readers.Count, [_me, .. others.Keys]);
                foreach (var reader in readers)
                {
                    var (partition, planned) = (reader.Partition, plan[reader.Partition]);
                    if (planned == _me)
                    {
                        behind[partition] = _me;
                    }
                    else if (!others[planned].Contains((short)partition))
                    {
                        continue; // it could not take it
                    }
                    else if (behind[partition] != planned)
                    {
                        behind[partition] = planned;
                        if (reader.ReadingFor is null)
                        {
                            reader.GoBehind(); // so that it is the next in line
                        }
                    }
                    else if (reader.ReadingFor > Settled && giving.IsCompleted)
                    {
                        giving = Give(reader, stopping);
                    }
                }
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or OperationCanceledException)
            {
                Note(unreachable, stopping);
            }

            await Task.Delay(Interval, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await giving;
    }

    /// <summary>We read on until what was learned and what is open is saved; the next one begins with it.</summary>
    private async Task Give(PartitionReader reader, CancellationToken stopping)
    {
        try
        {
            await baselines.Save([reader.Judge], stopping);
            await Pulses.Write(database, reader.Judge.Pulses(), stopping);
            log.PartitionGiven(WindowTopology.Queue(reader.Partition));
            reader.GoBehind();
        }
        catch (Exception unreachable) when (unreachable is NpgsqlException or OperationCanceledException)
        {
            Note(unreachable, stopping);
        }
    }

    private void Note(Exception unreachable, CancellationToken stopping)
    {
        if (!stopping.IsCancellationRequested)
        {
            log.DatabaseAway("shares of partitions", unreachable.Message);
        }
    }

    /// <summary>Says what we stand in line for, and hears the same of the others.</summary>
    private async Task<Dictionary<Guid, short[]>> Meet(IReadOnlyList<PartitionReader> readers, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with me as (
                insert into views.partition_readers_v1 (process, in_line, seen_at) values ($1, $2, now())
                on conflict (process) do update set in_line = excluded.in_line, seen_at = excluded.seen_at
            ), gone as (
                delete from views.partition_readers_v1 where process <> $1 and seen_at < now() - interval '1 minute'
            )
            select process, in_line from views.partition_readers_v1 where process <> $1 and seen_at > now() - interval '4 seconds'
            """);
        command.Parameters.Add(new() { Value = _me });
        command.Parameters.Add(new() { Value = readers.Where(reader => reader.IsInLine).Select(reader => (short)reader.Partition).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var others = new Dictionary<Guid, short[]>();
        while (await reader.ReadAsync(cancellation))
        {
            others[reader.GetGuid(0)] = reader.GetFieldValue<short[]>(1);
        }

        return others;
    }
}
