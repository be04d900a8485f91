using Platform.EventStore;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

/// <summary>Detection sees more; or there may be room now for what found none.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Evidence">What it sees; empty: nothing more.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="ToldAt">When detection told it (UTC); null: it tells nothing more.</param>
internal sealed record NoteEvidence(
    Guid MitigationId, IReadOnlyList<VectorEvidence> Evidence, Defense Defense, DateTimeOffset At, DateTimeOffset? ToldAt = null);

/// <summary>Attacks of which more is seen while they are defended.</summary>
internal static partial class MitigationDecider
{
    /// <summary>So long after something is in force detection still tells of the seconds before: a second is told a moment after it has ended.</summary>
    private static readonly TimeSpan ToldWithin = TimeSpan.FromSeconds(2);

    public static Decision<MitigationEvent> Decide(MitigationState current, NoteEvidence command)
    {
        if (current.Status is not MitigationStatus.Standing)
        {
            return HeardMeanwhile(current, command.Evidence, command.At); // the kill switch came in between
        }

        var (seen, _) = Admitted(command.Evidence, command.Defense, current.Scope!.ServiceCode);
        var (all, defense, added) = (AllOf(current, seen), command.Defense, AddedBy(current, command));
        var refusal = added.Count > 0 ? Refusal(added, defense, current.Scope!.ServiceCode) : null;
        if (!SaysMore(current, seen) && (refusal is not null || current.Unanswered is null))
        {
            return command.ToldAt is { } told && TellsMoreOfBefore(current, command.Evidence, told)
                ? new EvidenceGrew(all, command.At)
                : Decision<MitigationEvent>.Unchanged; // said already
        }

        return refusal is not null
            ? new EvidenceGrew(all, command.At, [.. Unanswered(current, all).Select(it => it.Vector)], refusal.Code)
            : new MitigationEvent[] { new EvidenceGrew(all, command.At) }
                .Concat(added.Select(spec => Place(spec, current.Scope!, ModeOf(current, defense), defense.Means, command.At)))
                .ToArray();
    }

    /// <summary>
    /// A vector more, one that what stands no longer explains, another prefix, or a graver attack: then steps follow that are not for lesser ones.
    /// </summary>
    public static bool SaysMore(MitigationState current, IReadOnlyList<VectorEvidence> seen)
    {
        var all = AllOf(current, seen);
        return all.Count > current.Evidence.Count
            || DefensePlan.SeverityOf(all) > DefensePlan.SeverityOf(current.Evidence)
            || Unanswered(current with { Unanswered = null }, all).Count > 0;
    }

    /// <summary>
    /// Whether it was a greater attack than is known, before anything was in force against it: detection opens at the first part of a second that is too much. What a
    /// defence did is held against what came without it.
    /// </summary>
    public static bool TellsMoreOfBefore(MitigationState current, IReadOnlyList<VectorEvidence> seen, DateTimeOffset toldAt) =>
        current.Unanswered is null && !(toldAt - current.InForceSince > ToldWithin) && IsGreater(current, seen);

    private static bool IsGreater(MitigationState current, IReadOnlyList<VectorEvidence> seen) =>
        EffectRules.Before(AllOf(current, seen)).All > EffectRules.Before(current.Evidence).All;

    /// <summary>What the step that stands gains by vectors that have no answer yet. What answers the others stands as it was decided.</summary>
    public static IReadOnlyList<CountermeasureSpec> AddedBy(MitigationState current, NoteEvidence command)
    {
        var (defense, open) = (
            command.Defense, Unanswered(current, AllOf(current, Admitted(command.Evidence, command.Defense, current.Scope!.ServiceCode).Evidence)));
        return open.Count > 0
            && DefensePlan.Next(current.Target, open, defense.Policy, defense.Means, current.Step, Severity.Critical) is { } step
            && step.Index == current.Step
            && step.Specs.All(spec => current.Countermeasures.Values.Any(it => it.Step == step.Index && it.Kind == spec.Kind)) // another policy's step otherwise
            ? [.. NewByRule(current, step.Specs).Where(spec => !current.Countermeasures.Values.Any(it => IsAnsweredBy(it, spec)))]
            : [];
    }

    /// <summary>The same of a vector that joined: what is decided without scrubbers would be said of it for good.</summary>
    public static bool WaitsForScrubbers(MitigationState current, NoteEvidence command) => DefensePlan.HingesOnTheUnheard(
        current.Target, AllOf(current, command.Evidence), command.Defense, current.Step, Severity.Critical);

    /// <summary>What joined, also of other prefixes, what the narrower vectors explain no longer, and what found no room when it joined.</summary>
    private static IReadOnlyList<VectorEvidence> Unanswered(MitigationState current, IReadOnlyList<VectorEvidence> all)
    {
        var (before, now) = (DefensePlan.Answered(current.Target, current.Evidence), DefensePlan.Answered(current.Target, all));
        var isWider = DefensePlan.TargetsOf(current.Target, all).Except(DefensePlan.TargetsOf(current.Target, current.Evidence)).Any();
        return [.. all.Where(it => now.Contains(it.Vector) && (isWider || !before.Contains(it.Vector) || current.Unanswered?.Contains(it.Vector) == true))];
    }

    /// <summary>The same but for how much it lets through; also what a person took out.</summary>
    private static bool IsAnsweredBy(CountermeasureState it, CountermeasureSpec spec) =>
        (it.Stage is not CountermeasureStage.Withdrawn || it.DroppedFor is WithdrawalReason.Operator)
        && it.Kind == spec.Kind
        && it.Prefix.Equals(spec.Prefix)
        && it.Rule is { } rule
        && spec.Rule is { } planned
        && rule with { BytesPerSecond = null, TotalBytesPerSecond = null } == planned with { BytesPerSecond = null, TotalBytesPerSecond = null };

    private static IReadOnlyList<VectorEvidence> AllOf(MitigationState current, IReadOnlyList<VectorEvidence> seen) =>
    [
        .. from it in seen
           let known = current.Evidence.FirstOrDefault(known => known.Vector == it.Vector)
           select it with
           {
               DestinationPort = it.DestinationPort ?? known?.DestinationPort, // what stands is not made broader by what is not said again
               PacketLength = it.PacketLength ?? known?.PacketLength,
               SourcePort = it.SourcePort ?? known?.SourcePort,
               Protocol = it.Protocol ?? known?.Protocol,
               MostBitsPerSecond = known?.MostBits > it.BitsPerSecond ? known.MostBits : null,
               Prefixes = it.Prefixes is null ? known?.Prefixes : [.. it.Prefixes, .. (known?.Prefixes ?? []).Where(one => it.Prefixes.All(other => !other.Prefix.Equals(one.Prefix)))],
           },
        .. current.Evidence.Where(known => seen.All(it => it.Vector != known.Vector)),
    ];
}
