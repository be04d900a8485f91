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

        if (EffectRules.GoesOn(mitigation.Evidence, (Arrives(look, mitigation.StepSince) ?? 0) + Dropped(look)) is { } why)
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
        if (mitigation.SightLostAt is not { } lost
            || Arrives(look, lost) is not { } arrives
            || EffectRules.GoesOn(mitigation.Evidence, arrives + Dropped(look)) is not null)
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

    /// <summary>Bits a second that scrubbers drop of what is sent to the target.</summary>
    private long Dropped(Look look) =>
        look.Filters.Where(it => Overlap(it.Spec.Prefix, look.Mitigation.Target)).Sum(it => RateOf(it, look.Until)?.DroppedBits ?? 0);
}
