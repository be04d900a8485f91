using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Capacity;

/// <summary>Looks each second who needs what of which pool, and records when a limit is crossed. Every replica may: deciding twice changes nothing.</summary>
internal sealed class PoolWatch(
    StreamStore store, KnownCapacity capacity, IOptions<ScrubberOptions> options, TimeProvider clock, ILogger<PoolWatch> log)
    : BackgroundService
{
    private const string Unplaced = "unplaced";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, PoolLevel> _seen = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Pools.Length == 0)
        {
            return; // not limited
        }

        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                var (pools, unplaced) = await capacity.Read(stoppingToken);
                foreach (var use in pools.Append(new PoolUse(Unplaced, Limit: 0, unplaced, Contracts: 0)))
                {
                    await Note(use, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task Note(PoolUse use, CancellationToken cancellation)
    {
        var level = PoolDecider.LevelOf(use, options.Value.NearlyFullPercent);
        if (_seen.TryGetValue(use.Name, out var seen) && seen == level)
        {
            return;
        }

        var now = clock.GetUtcNow();
        var decision = await store.Tenant(TenantId.Provider).Handle(
            PoolState.Stream,
            PoolState.KeyOf(use.Name),
            state => PoolDecider.Decide(state, use, options.Value.NearlyFullPercent, now),
            new Cause($"pool:{use.Name}:{level}:{now.UtcTicks}"),
            cancellation);
        _seen[use.Name] = level;
        if (decision is Decision<PoolEvent>.Accepted({ Count: > 0 }))
        {
            Telemetry.PoolLimitCrossed(use.Name);
            log.PoolLimitCrossed(use.Name, level, use.Used, use.Limit);
        }
    }
}
