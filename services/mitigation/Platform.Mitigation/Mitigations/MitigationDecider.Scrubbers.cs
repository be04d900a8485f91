using Platform.EventStore;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

/// <summary>No scrubber of a pool is there.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Pool">The pool; null: none in particular.</param>
/// <param name="To">Another pool that has room; null: there is none.</param>
/// <param name="Why">In words.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record LeavePool(Guid MitigationId, string? Pool, string? To, string Why, DateTimeOffset At);

/// <summary>Nothing stands of a step any more, because its scrubbers are gone: what can be done now.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record Resume(Guid MitigationId, Defense Defense, DateTimeOffset At);

/// <summary>When scrubbers go and come back. A diversion to nobody takes the customer from the network, which no attack may.</summary>
internal static partial class MitigationDecider
{
    public static Decision<MitigationEvent> Decide(MitigationState current, LeavePool command)
    {
        var there = current.Countermeasures
            .Where(it => it.Value is { Stage: CountermeasureStage.Wanted, Kind: CountermeasureKind.Diversion or CountermeasureKind.Scrubbing }
                && it.Value.Pool == command.Pool)
            .ToList();
        if (current.Status is not MitigationStatus.Standing || there.Count == 0)
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        var events = new List<MitigationEvent> { new ScrubbersLost(current.Scope!.ServiceCode, command.Pool, command.To, command.Why, command.At) };
        foreach (var (id, it) in there)
        {
            var spec = new CountermeasureSpec(it.Kind, it.Prefix, it.Rule);
            if (command.To is not { } pool)
            {
                if (it.Effect?.Verdict != EffectRules.NotSeen)
                {
                    events.Add(NotSeen(id, it));
                }

                events.Add(Dropped(id));
            }
            else if (it.Rule is { Action: TrafficAction.SynProxy } proxy)
            {
                // Whether the answers pass there too nobody has asked: half a proxy would break every connection.
                var limit = proxy with { Action = TrafficAction.RateLimit, TotalBytesPerSecond = null };
                events.Add(Dropped(id));
                Request(limit with { PerSource = true });
                if (proxy.TotalBytesPerSecond is { } total)
                {
                    Request(limit with { BytesPerSecond = total });
                }

                void Request(TrafficRule rule)
                {
                    var limiting = spec with { Rule = rule };
                    events.Add(Requested(limiting.IdIn(command.MitigationId), limiting, pool));
                }
            }
            else
            {
                events.Add(Requested(id, spec, pool));
            }
        }

        return events.ToArray();

        MitigationEvent NotSeen(Guid id, CountermeasureState it) => new EffectMeasured(
            current.Scope!,
            id,
            (it.Effect ?? new MeasuredEffect(EffectRules.Before(current.Evidence).All, null, null, null, null, null, EffectRules.NotSeen)) with
            {
                Verdict = EffectRules.NotSeen,
                Words = command.Why,
            },
            command.At);

        MitigationEvent Dropped(Guid id) => new CountermeasureDropped(
            current.Scope!.ServiceCode, id, command.Why, command.At, WithdrawalReason.ScrubbersGone);

        MitigationEvent Requested(Guid id, CountermeasureSpec spec, string pool) => new CountermeasureRequested(
            id, spec.Kind, spec.Prefix, command.At, spec.Rule, pool);
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, Resume command)
    {
        if (ResumedBy(current, command.Defense, command.At) is not { } step)
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        var (defense, isBack) = (command.Defense, step.Index <= current.Step);
        var (why, insteadOf) = isBack
            ? ("There are scrubbers again.", (int?)null)
            : ("The scrubbers are gone, and nothing of the step stands.", current.InsteadOf ?? current.Step);
        return Refusal(step.Specs, defense, current.Scope!.ServiceCode) is { } refusal
            ? Refused(current, step, refusal, command.At)
            : new MitigationEvent[] { new StepTaken(step.Index, why, command.At, insteadOf) }
                .Concat(step.Specs.Select(spec => Place(spec, current.Scope, ModeOf(current, defense), defense.Means, command.At)))
                .Concat(
                    from it in current.Countermeasures
                    where it.Value.Stage is CountermeasureStage.Wanted && it.Value.Step > step.Index && !IsByHand(it.Value)
                    select new CountermeasureDropped(current.Scope.ServiceCode, it.Key, why, command.At, WithdrawalReason.ScrubbersBack))
                .ToArray();

        // With what lets allowed sources through it, also where a list named them later.
        bool IsByHand(CountermeasureState it) => it.IsByHand || (it.Rule is { Action: TrafficAction.Accept } && current.Countermeasures.Values.Any(
            other => other is { IsByHand: true, Stage: CountermeasureStage.Wanted } && other.Kind == it.Kind && other.Prefix.Equals(it.Prefix)));
    }

    /// <summary>
    /// The step whose scrubbers went, where there are some again: what graver steps did in its stead goes. Until then, after its patience, the next that
    /// needs none. Null: it is no time for it, or nothing is left.
    /// </summary>
    public static PlannedStep? ResumedBy(MitigationState current, Defense defense, DateTimeOffset at)
    {
        if (current is not { Status: MitigationStatus.Standing, HeldUntil: null } || current.Scope!.AnomalyId == Guid.Empty)
        {
            return null;
        }

        // Where a person has to agree first, what stands in its stead stays until that person says so.
        if (current.InsteadOf is { } left && ModeOf(current, defense) is EnforcementMode.Automatic && Planned(left) is { } back && back.Index == left)
        {
            return back;
        }

        var ofStep = current.Countermeasures.Values.Where(it => it.Step == current.Step).ToList();
        return ofStep.Any(it => it.DroppedFor is WithdrawalReason.ScrubbersGone)
            && ofStep.All(it => it.Stage is CountermeasureStage.Unwanted or CountermeasureStage.Withdrawn)
            && !DefensePlan.HingesOnTheUnheard(current.Target, current.Evidence, defense, current.Step)
            && Planned(current.Step) is { } step
            && (step.Index == current.Step || at - ofStep.Max(it => it.DroppedAt ?? current.StepSince) >= PatienceOf(current.Step))
                ? step
                : null;

        // What of it stands already is no reason to take it again; without what a person took out.
        PlannedStep? Planned(int from) =>
            DefensePlan.Next(current.Target, current.Evidence, defense.Policy, defense.Means, from) is { } planned
            && New(current, planned.Specs).Count == planned.Specs.Count
            && NewByRule(current, planned.Specs) is var added
            && added.Any(spec => !spec.IsAllowance)
                ? planned with { Specs = added }
                : null;

        TimeSpan PatienceOf(int index) => index < defense.Policy.Steps.Count ? defense.Policy.Steps[index].Patience : TimeSpan.Zero;
    }
}
