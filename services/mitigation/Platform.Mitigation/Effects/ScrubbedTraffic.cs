using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>What the scrubbers counted, all agents together, and how fast it grows. In memory: what is lost is counted anew.</summary>
internal sealed class ScrubbedTraffic(IOptions<EffectOptions> options, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Counted> _filters = [];

    /// <summary>One agent's counters of one filter. The sum when a window has passed, or when it is asked for; else null.</summary>
    public NoteEffect? Count(Guid countermeasureId, string agent, AppliedFilter told, bool isLast)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            if (!_filters.TryGetValue(countermeasureId, out var filter))
            {
                _filters[countermeasureId] = filter = new Counted(now);
            }

            filter.Agents[agent] = told;
            var (dropped, passed) = (filter.Sum(it => it.DroppedBytes), filter.Sum(it => it.PassedBytes));
            var seconds = (now - filter.Since).TotalSeconds;
            var isDue = seconds >= options.Value.Window.TotalSeconds;
            if (dropped < filter.Dropped || passed < filter.Passed)
            {
                filter.Begin(now, dropped, passed); // an agent counts from 0 again
                isDue = false;
            }

            // Before the first window is over, what is dropped most of is plain all the same.
            var isPlain = !filter.IsPlain && filter.Dropped == 0 && dropped > 0 && dropped >= passed;
            if (!isDue && !isPlain && !isLast)
            {
                return null;
            }

            var rate = isDue
                ? ((long)((dropped - filter.Dropped) * 8 / seconds), (long)((passed - filter.Passed) * 8 / seconds))
                : isPlain ? (dropped * 8, passed * 8) : ((long, long)?)null;
            filter.IsPlain |= isPlain;
            if (isDue)
            {
                filter.Begin(now, dropped, passed);
            }

            return new NoteEffect(
                countermeasureId,
                new MeasuredEffect(
                    BeforeBitsPerSecond: 0, // the decider knows what detection saw
                    rate is { } known && isDue ? known.Item2 : null,
                    filter.Sum(it => it.DroppedPackets),
                    dropped,
                    filter.Sum(it => it.PassedPackets),
                    passed,
                    EffectRules.Unmeasured),
                now,
                rate is { } grown ? new FilteredRate(grown.Item1, grown.Item2) : FilteredRate.Unknown);
        }
    }

    public void Forget(Guid countermeasureId)
    {
        lock (_lock)
        {
            _filters.Remove(countermeasureId);
        }
    }

    private sealed class Counted(DateTimeOffset since)
    {
        public Dictionary<string, AppliedFilter> Agents { get; } = [];

        public DateTimeOffset Since { get; private set; } = since;

        public long Dropped { get; private set; }

        public long Passed { get; private set; }

        public bool IsPlain { get; set; }

        public long Sum(Func<AppliedFilter, long> counter) => Agents.Values.Sum(counter);

        public void Begin(DateTimeOffset at, long dropped, long passed) => (Since, Dropped, Passed) = (at, dropped, passed);
    }
}
