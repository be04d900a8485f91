using Platform.EventStore;
using static Platform.Mitigation.Mitigations.MitigationRejections;

namespace Platform.Mitigation.Mitigations;

/// <summary>An operator agrees to what was proposed.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Seen">What the operator saw and agrees to; none: what waits of the earliest step that has something waiting.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record ApproveMitigation(Guid MitigationId, IReadOnlyList<Guid> Seen, Defense Defense, string Note, DateTimeOffset At);

/// <summary>What a person agrees to, and nothing else, gets into the network.</summary>
internal static partial class MitigationDecider
{
    public static Decision<MitigationEvent> Decide(MitigationState current, ApproveMitigation command)
    {
        if (NotOpenToOperators(current, command.MitigationId, command.Note) is { } no)
        {
            return no;
        }

        if (command.Seen.Any(id => !current.Countermeasures.ContainsKey(id)))
        {
            return CountermeasureUnknown(command.Seen.First(id => !current.Countermeasures.ContainsKey(id)));
        }

        var specs = Agreed(current, command.Seen);
        if (specs.Count == 0)
        {
            return NothingProposed;
        }

        if (command.Defense.Policy.Mode is EnforcementMode.DryRun)
        {
            return DryRunIsOn;
        }

        // What was allowed when it was proposed may not be allowed any more.
        var allowed = JoinsApproved(current, command.Seen, command.Defense);
        return Refusal(specs, command.Defense, current.Scope!.ServiceCode) is { } refusal
            ? refusal
            : new MitigationEvent[] { new MitigationApproved(current.Scope.ServiceCode, command.Note, command.At) }
                .Concat(allowed.Concat(specs).Select(spec => Place(
                    spec, current.Scope, EnforcementMode.Automatic, command.Defense.Means, command.At)))
                .ToArray();
    }

    /// <summary>Whom the lists name since it was proposed.</summary>
    public static IReadOnlyList<CountermeasureSpec> JoinsApproved(MitigationState current, IReadOnlyList<Guid> seen, Defense defense) =>
        New(current, DefensePlan.WithAllowed(Agreed(current, seen), defense.Policy.AllowedSources));

    /// <summary>
    /// Nothing but what was seen: who agreed to a rule has not agreed to the blackhole that was proposed meanwhile. What lets allowed sources through comes
    /// along; it stops nothing, and a rule without it would stop them.
    /// </summary>
    private static List<CountermeasureSpec> Agreed(MitigationState current, IReadOnlyList<Guid> seen)
    {
        var proposed = (from it in current.Countermeasures
                        where it.Value.Stage is CountermeasureStage.Proposed
                        select (it.Key, it.Value.Step, Spec: new CountermeasureSpec(it.Value.Kind, it.Value.Prefix, it.Value.Rule))).ToList();
        var first = proposed.Where(it => !it.Spec.IsAllowance).Select(it => it.Step).DefaultIfEmpty().Min();
        var agreed = proposed.Where(it => seen.Count > 0 ? seen.Contains(it.Key) : it.Step == first).ToList();
        return
        [
            .. from it in proposed
               where agreed.Contains(it)
                   || (it.Spec.IsAllowance && agreed.Any(rule => rule.Spec.Kind == it.Spec.Kind && rule.Spec.Prefix.Equals(it.Spec.Prefix)))
               orderby it.Spec.IsAllowance descending
               select it.Spec,
        ];
    }
}
