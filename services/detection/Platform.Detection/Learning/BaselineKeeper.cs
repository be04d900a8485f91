using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Detection.Windows;

namespace Platform.Detection.Learning;

/// <summary>
/// Keeps what was learned in the database, so that a process that starts, or takes a partition over, judges by it from its first window on. Baselines are
/// no events: nobody decided them, and what matters of them is in each anomaly.
/// </summary>
internal sealed class BaselineKeeper(
    NpgsqlDataSource database, TrafficHistories histories, IOptions<LearningOptions> options, TimeProvider clock, ILogger<BaselineKeeper> log) : IDisposable
{
    /// <summary>So far apart may be the clocks of two processes that save, and the times at which what they wrote can be read.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, byte[]> _known = [];
    private readonly SemaphoreSlim _loading = new(1);
    private DateTimeOffset _seen = DateTimeOffset.UnixEpoch;

    public void Dispose() => _loading.Dispose();

    /// <summary>What was learned of an object so far.</summary>
    public ObjectBaseline Remember(WatchedObject watched) => _known.TryGetValue(watched.ObjectId, out var snapshot)
        ? ObjectBaseline.Restore(snapshot, watched.Hours, watched.LearningGround)
        : new ObjectBaseline(watched.Hours);

    /// <summary>Reads what other processes saved since the last time.</summary>
    public async Task Load(CancellationToken cancellation)
    {
        await _loading.WaitAsync(cancellation);
        try
        {
            await using var command = database.CreateCommand(
                "select object_id, content, saved_at from views.baselines_v1 where saved_at > $1 order by saved_at");
            command.Parameters.Add(new() { Value = _seen - Overlap });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                _known[reader.GetGuid(0)] = reader.GetFieldValue<byte[]>(1);
                _seen = reader.GetFieldValue<DateTimeOffset>(2);
            }
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>Saves what the judges learned. Only objects that are still watched: what was erased stays erased.</summary>
    public async Task Save(IReadOnlyList<WindowJudge> judges, CancellationToken cancellation)
    {
        await histories.Save(judges, cancellation);
        foreach (var (watched, snapshot) in judges.SelectMany(judge => judge.Baselines()))
        {
            _known[watched.ObjectId] = snapshot;
            await using var command = database.CreateCommand(
                """
                insert into views.baselines_v1 (tenant_id, object_id, service_code, saved_at, content)
                select $1, $2, $3, $4, $5
                where exists (select from views.protected_objects_v1 where tenant_id = $1 and object_id = $2 and retired_at is null)
                on conflict (object_id) do update set saved_at = excluded.saved_at, content = excluded.content
                """);
            command.Parameters.Add(new() { Value = watched.TenantId });
            command.Parameters.Add(new() { Value = watched.ObjectId });
            command.Parameters.Add(new() { Value = watched.ServiceCode });
            command.Parameters.Add(new() { Value = clock.GetUtcNow() });
            command.Parameters.Add(new() { Value = snapshot });
            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    /// <summary>Saves and loads until stopped, and saves once more then.</summary>
    public async Task Run(IReadOnlyList<WindowJudge> judges, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(options.Value.SaveEvery, clock);
        while (await Ticks(timer, stopping))
        {
            try
            {
                await Save(judges, stopping);
                await Load(stopping);
            }
            catch (NpgsqlException unreachable) when (!stopping.IsCancellationRequested)
            {
                log.DatabaseAway("baselines", unreachable.Message);
            }
        }
    }

    private static async Task<bool> Ticks(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}

/// <summary>The keeper's turn: after the judges have stopped reading, what they know is saved.</summary>
internal sealed class BaselineSaving(BaselineKeeper keeper, WindowJudges judges, ILogger<BaselineSaving> log) : BackgroundService
{
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await keeper.Save(judges.All, cancellationToken);
        }
        catch (NpgsqlException unreachable)
        {
            log.DatabaseAway("baselines", unreachable.Message);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => keeper.Run(judges.All, stoppingToken);
}
