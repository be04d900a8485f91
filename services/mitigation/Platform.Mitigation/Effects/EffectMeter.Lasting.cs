using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>How long a defence stands on by what is seen of its attack.</summary>
internal sealed partial class EffectMeter
{
    /// <summary>An attack that is seen to go on keeps its defence. One of which nobody says so has its expiry: its end may have been lost.</summary>
    private async Task Renew(Look look, CancellationToken cancellation)
    {
        var (mitigation, maximum) = (look.Mitigation, limits.Value.MaximumDuration);
        if (!mitigation.IsUnderAttack
            || !MitigationDecider.IsNearExpiry(mitigation.ExpiresAt, maximum, look.Now)
            || (_renewed.TryGetValue(mitigation.MitigationId, out var asked) && asked == mitigation.ExpiresAt))
        {
            return;
        }

        if (GoesOn(look, options.Value.Window) is { } why)
        {
            var renew = new RenewMitigation(mitigation.MitigationId, maximum, limits.Value.LongestStanding, why, look.Now);
            await Handle(mitigation, state => MitigationDecider.Decide(state, renew), "renew", cancellation);
            _renewed[mitigation.MitigationId] = mitigation.ExpiresAt; // once for each expiry: an operator's own stays
        }
    }

    /// <summary>Of an attack that nobody could see it is known again that it is over: telemetry is heard, and tells of no more than is allowed.</summary>
    private async Task EndWhenQuiet(Look look, CancellationToken cancellation)
    {
        var mitigation = look.Mitigation;
        if (mitigation.SightLostAt is not { } lost || Arrives(look, lost) is null || GoesOn(look, options.Value.Window) is not null)
        {
            _quietSince.Remove(mitigation.MitigationId);
            return;
        }

        _quietSince.TryAdd(mitigation.MitigationId, look.Now);
        if (look.Now - _quietSince[mitigation.MitigationId] >= options.Value.QuietFor)
        {
            var scope = new MitigationScope(mitigation.MitigationId, mitigation.AnomalyId, mitigation.ServiceCode);
            var end = new NoteAnomalyEnd(scope, limits.Value.Hold, EndedAt: look.Until, look.Now);
            await Handle(mitigation, state => MitigationDecider.Decide(state, end), "quiet", cancellation);
        }
    }

    /// <summary>
    /// Whether telemetry says that nothing of the attack is sent any more, although its anomaly is open still: then that something does not help is no reason
    /// for a wider step.
    /// </summary>
    /// <remarks>
    /// Flows that hide what routers drop tell all the more of what is sent. They come late, in parts, and not from everywhere: so it is asked of a longer time,
    /// and where they tell of less than half of what passes the scrubbers they are not believed.
    /// </remarks>
    private bool IsOver(Look look)
    {
        var length = 2 * options.Value.Window;
        return look.Mitigation.Evidence.Count > 0
            && look.Until - look.HeardSince >= length
            && traffic.IsHeard(look.Until, length, options.Value.Silence)
            && traffic.BitsPerSecond(look.Mitigation.Targets, TargetTraffic.Total, look.Until, length) >= Passed(look) / 2
            && GoesOn(look, length) is null;
    }

    /// <summary>What of it is seen to be sent: it arrives, or scrubbers drop it.</summary>
    private string? GoesOn(Look look, TimeSpan length) => EffectRules.GoesOn(
        look.Mitigation.Evidence, vector => traffic.BitsPerSecond(look.Mitigation.Targets, vector.Vector, look.Until, length) + Dropped(look));

    /// <summary>Bits a second that come to the target past the scrubbers: each of its filters counts all of them.</summary>
    private long Passed(Look look) =>
        look.Filters.Where(it => look.Mitigation.Targets.Any(target => Overlap(it.Spec.Prefix, target))).Select(it => RateOf(it, look.Until)?.PassedBits ?? 0).DefaultIfEmpty(0).Max();

    /// <summary>Bits a second that scrubbers drop of what is sent to the target.</summary>
    private long Dropped(Look look) =>
        look.Filters.Where(it => look.Mitigation.Targets.Any(target => Overlap(it.Spec.Prefix, target))).Sum(it => RateOf(it, look.Until)?.DroppedBits ?? 0);
}
