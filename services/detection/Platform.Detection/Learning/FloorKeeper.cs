using System.Globalization;
using Npgsql;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;
using static System.FormattableString;

namespace Platform.Detection.Learning;

/// <summary>Takes floors out of false anomalies back that were not needed for four weeks: nobody would think of it. Every process looks; the stream takes one of each.</summary>
internal sealed class FloorKeeper(
    StreamStore store,
    ObjectDirectory objects,
    BaselineKeeper baselines,
    TrafficHistories histories,
    TimeProvider clock,
    ILogger<FloorKeeper> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Looks at every floor that is old enough.</summary>
    public async Task Look(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        foreach (var watched in objects.All.Where(known => !known.IsRetired))
        {
            MarkedFloor[] old = [.. (watched.Settings?.Marked ?? []).Where(mark => now - mark.Since >= MarkedFloor.EndsAfter && mark.Least.Any(IsIn))];
            if (old.Length == 0)
            {
                continue;
            }

            await baselines.Load(cancellation);
            var baseline = baselines.Remember(watched);
            var minutes = await histories.Read(watched.TenantId, watched.ObjectId, now - MarkedFloor.EndsAfter, cancellation);
            foreach (var mark in old)
            {
                if (FloorUses.Of(mark, watched, baseline, minutes, now) is var use and not FloorUse.Needed)
                {
                    await End(watched, new EndFloor(watched.ObjectId, mark, Why(mark, use), now), cancellation);
                }
            }
        }
    }

    /// <summary>Of what hosts send no minutes are known.</summary>
    private static bool IsIn(Threshold floor) => floor.Direction is TrafficDirection.In;

    private static string Why(MarkedFloor mark, FloorUse use) => use is FloorUse.Learned
        ? Invariant($"for {MarkedFloor.EndsAfter.TotalDays:0} days learning has allowed by itself all that came; it was marked for an anomaly of {Day(mark)}")
        : Invariant($"for {MarkedFloor.EndsAfter.TotalDays:0} days nothing came within half of it at its hours; it was marked for an anomaly of {Day(mark)}");

    private static string Day(MarkedFloor mark) => mark.SeenFrom.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private async Task End(WatchedObject watched, EndFloor command, CancellationToken cancellation)
    {
        var session = store.Tenant(TenantId.Of(watched.TenantId));
        var (key, _) = await ObjectStreams.Find(session, watched.ObjectId, cancellation);
        await session.Handle(
            ProtectedObjectState.Stream,
            key,
            state => ProtectedObjectDecider.Decide(state, command),
            new Cause($"floor:{command.Mark.AnomalyId:N}:{command.Mark.Since.ToUnixTimeSeconds()}"),
            cancellation);
        log.FloorEnded(watched.ObjectId, command.Mark.AnomalyId, command.Reason);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await objects.Complete.WaitAsync(stoppingToken);
                await Look(stoppingToken);
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException or StreamContendedException && !stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("floors", unreachable.Message); // the next hour looks again
            }
        }
    }
}
