using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// The anomalies of a judge's targets from the moment they are found: taken over as the streams have them, told of with signs of life, ended when it was quiet for long
/// enough. Not for several threads: it is its judge's.
/// </summary>
/// <param name="judge">Whose targets they are; takes over what was recorded.</param>
/// <param name="anomalies">When an anomaly is over.</param>
/// <param name="found">Takes what was found; must not block.</param>
/// <param name="presence">Whether telemetry is there.</param>
internal sealed class OngoingAnomalies(WindowJudge judge, AnomalyOptions anomalies, Action<Finding> found, TelemetryPresence presence)
{
    private readonly Dictionary<TargetWatch, ObjectWatch> _open = [];

    /// <summary>Ends what was seen to be quiet long enough, or was not seen for too long.</summary>
    public void EndWhatIsOver(DateTimeOffset now)
    {
        foreach (var (target, on) in _open)
        {
            var episode = target.Episode!;
            if (!episode.IsDeciding && OverFor(now - episode.LastHigh, presence.At(now) - episode.PresentAtHigh, episode.QuietFor(anomalies)) is { } reason)
            {
                End(on, target, episode, reason, now);
            }
        }
    }

    /// <summary>Signs of life of what is open.</summary>
    public IReadOnlyList<Pulse> Pulses() =>
    [
        .. from open in _open
           let episode = open.Key.Episode
           select new Pulse(
               open.Value.Object.TenantId,
               episode.State.Open!.AnomalyId,
               episode.LastHigh.ToUnixTimeMilliseconds(),
               Until(episode),
               episode.Peak.Bits,
               episode.Peak.Packets,
               episode.QuietFor(anomalies),
               episode.Memory with { Rotation = Rotation.BlockOf(open.Key)?.Rotation?.Memory }),
    ];

    /// <summary>Goes on with an open anomaly that another process judged until now.</summary>
    public void Resume(ObjectWatch on, TargetWatch target, OpenAnomaly open, DateTimeOffset now)
    {
        var wide = open.Memory?.Hold?.Level is WatchLevel.Object ? on.Whole : target.Block;
        var hold = open.Memory?.Hold is { } rule && wide is not null ? new Hold(wide, rule.Vector, rule.Unit, rule.Rate, rule.Burst) : null;
        target.Episode = Episode.Resume(open, hold, presence.At(now));
        foreach (var level in open.Memory?.Joined ?? [])
        {
            if ((level is WatchLevel.Object ? on.Whole : target.Block) is { IsCovered: false } joined)
            {
                Widening.Join(on, joined, target, isSpread: true);
            }
        }

        if (open.Memory?.Rotation is { } rotation && Rotation.BlockOf(target) is { } block)
        {
            block.Rotation = new Rotation(rotation);
        }

        Take(on, target, open.State, isDeciding: false);
    }

    /// <summary>Takes over what the target's stream says.</summary>
    /// <param name="isDeciding">It is being recorded, and may still turn out otherwise.</param>
    public void Take(ObjectWatch on, TargetWatch target, AnomalyState state, bool isDeciding)
    {
        var episode = target.Episode!;
        var wasCovering = episode.IsCovering;
        if (episode.State.Open is not null && state.Open is null)
        {
            episode.End();
        }

        (episode.State, episode.IsDeciding) = (state, isDeciding);
        if (wasCovering != episode.IsCovering)
        {
            if (target.Block is { } block)
            {
                block.CoveredHosts += episode.IsCovering ? 1 : -1;
            }

            if (episode.IsCovering)
            {
                on.Open.Add(target);
            }
            else
            {
                (episode.Hold, episode.IsSpread) = (null, false);
                foreach (var joined in episode.Joined.Where(joined => joined.Episode!.Home == target))
                {
                    (joined.Episode!.Home, joined.Episode.IsSpread) = (null, false);
                    on.Open.Remove(joined);
                    Widening.Forget(on, joined);
                }

                episode.Joined.Clear();
                Widening.Forget(on, target);
                on.Open.Remove(target);
            }
        }

        if (state.Open is null)
        {
            _open.Remove(target);
        }
        else
        {
            _open[target] = on;
        }
    }

    /// <summary>These anomalies were ended by somebody else: if their traffic goes on, it is a new anomaly.</summary>
    public void Forsake(IReadOnlySet<Guid> anomalyIds)
    {
        foreach (var (target, on) in _open.ToArray())
        {
            if (!target.Episode!.IsDeciding && anomalyIds.Contains(target.Episode.State.Open!.AnomalyId))
            {
                Take(on, target, AnomalyState.Quiet, isDeciding: false);
            }
        }
    }

    public void Clear() => _open.Clear();

    /// <summary>Nothing of a target needs to be remembered any more.</summary>
    public bool IsDone(TargetWatch target, DateTimeOffset now) =>
        target.Episode is not { } episode || (!episode.IsCovering && now - episode.LastHigh > anomalies.LongestPause);

    private void End(ObjectWatch on, TargetWatch target, Episode episode, EndReason reason, DateTimeOffset now)
    {
        var command = new EndAnomaly(
            episode.State.Open!.AnomalyId,
            reason,
            episode.LastHigh,
            episode.QuietFor(anomalies),
            episode.Peak.Bits,
            episode.Peak.Packets,
            Until(episode),
            now,
            episode.Pulses,
            [.. episode.Most]);
        episode.IsDeciding = true;
        found(new Finding(
            judge,
            on,
            target,
            episode.State.Open.Target,
            state => AnomalyDecider.Decide(state, command),
            EndOf: (command.AnomalyId, episode.LastHigh.ToUnixTimeMilliseconds()),
            new Origin(default, null),
            Guid.CreateVersion7(now)));
    }

    /// <summary>Why an anomaly that was last high so long ago is over; null when it is not.</summary>
    private EndReason? OverFor(TimeSpan since, TimeSpan seen, TimeSpan quietFor) =>
        seen >= quietFor ? EndReason.Subsided : since - seen >= anomalies.MissingFor ? EndReason.TelemetryMissing : null;

    private static DateTimeOffset Until(Episode episode) => DateTimeOffset.FromUnixTimeSeconds(episode.LastHighSecond + 1);
}
