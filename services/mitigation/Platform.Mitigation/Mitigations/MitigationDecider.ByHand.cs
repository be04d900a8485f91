using Platform.EventStore;
using Platform.Mitigation.Effects;
using static Platform.Mitigation.Mitigations.MitigationRejections;

namespace Platform.Mitigation.Mitigations;

/// <summary>An operator begins a defence that no anomaly asked for.</summary>
/// <param name="Scope">The mitigation and its contract; the anomaly is empty.</param>
/// <param name="Specs">What shall stand.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="Duration">How long it stands unless it is extended or stopped.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="OrderId">The always-on order that it stands for; null: by hand.</param>
/// <param name="Evidence">What an anomaly of the same target says that goes on: what the effect is measured against; null: there is none.</param>
/// <param name="ObjectId">The protected object of that anomaly.</param>
internal sealed record StartByHand(
    MitigationScope Scope,
    IReadOnlyList<CountermeasureSpec> Specs,
    Defense Defense,
    TimeSpan Duration,
    string Note,
    DateTimeOffset At,
    Guid? OrderId = null,
    IReadOnlyList<VectorEvidence>? Evidence = null,
    Guid? ObjectId = null);

/// <summary>An operator, or a step of the policy, adds countermeasures to a standing mitigation.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Specs">What shall stand beside what stands.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="OrderId">The always-on order that asks; null: nobody's.</param>
/// <param name="ByHand">Whether a person asks.</param>
internal sealed record AddCountermeasures(
    Guid MitigationId,
    IReadOnlyList<CountermeasureSpec> Specs,
    Defense Defense,
    string Note,
    DateTimeOffset At,
    Guid? OrderId = null,
    bool ByHand = false);

/// <param name="MitigationId">Which mitigation.</param>
/// <param name="CountermeasureId">Which of its countermeasures.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Reason">What kind of reason it is.</param>
/// <param name="OrderId">The always-on order that asks; null: nobody's.</param>
internal sealed record DropCountermeasure(
    Guid MitigationId,
    Guid CountermeasureId,
    string Note,
    DateTimeOffset At,
    WithdrawalReason Reason = WithdrawalReason.Operator,
    Guid? OrderId = null);

/// <param name="MitigationId">Which.</param>
/// <param name="Duration">From now on.</param>
/// <param name="Maximum">Longest expiry, counted from now.</param>
/// <param name="Longest">How long a mitigation may stand in all, however often it is extended.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="OrderId">The always-on order that asks; null: nobody's.</param>
internal sealed record ExtendMitigation(
    Guid MitigationId, TimeSpan Duration, TimeSpan Maximum, TimeSpan Longest, string Note, DateTimeOffset At, Guid? OrderId = null);

/// <summary>The attack is seen to go on, and the expiry comes near.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Maximum">Longest expiry, counted from now.</param>
/// <param name="Longest">How long a mitigation may stand in all.</param>
/// <param name="Why">What was seen of it.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record RenewMitigation(Guid MitigationId, TimeSpan Maximum, TimeSpan Longest, string Why, DateTimeOffset At);

/// <summary>The step did not help, or detection saw more: what the policy holds next.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="LeavesStep">Index of the step that is left; another one by now means that somebody was faster.</param>
/// <param name="Why">What was measured.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record Escalate(Guid MitigationId, int LeavesStep, string Why, Defense Defense, DateTimeOffset At);

/// <param name="CountermeasureId">Which.</param>
/// <param name="Effect">The figures.</param>
/// <param name="At">When (UTC).</param>
/// <param name="IsUntaken">Whether it was judged as what nobody has in force.</param>
internal sealed record NoteEffect(Guid CountermeasureId, MeasuredEffect Effect, DateTimeOffset At, bool IsUntaken = false);

/// <summary>Of several countermeasures of one mitigation.</summary>
internal sealed record NoteEffects(IReadOnlyList<NoteEffect> Effects);

/// <param name="CountermeasureId">Which.</param>
/// <param name="AfterBitsPerSecond">What arrived after it had gone; null when nothing could be measured.</param>
/// <param name="At">When (UTC).</param>
/// <param name="Counted">What the scrubbers counted of it in all; null when they do not.</param>
internal sealed record NoteAftermath(Guid CountermeasureId, long? AfterBitsPerSecond, DateTimeOffset At, ScrubbersCount? Counted = null);

/// <summary>Rules of a standing mitigation: by hand, by step, by measurement. Every addition passes the same rails.</summary>
internal static partial class MitigationDecider
{
    public static Decision<MitigationEvent> Decide(MitigationState current, StartByHand command)
    {
        if (current.Status is not MitigationStatus.None)
        {
            return Decision<MitigationEvent>.Unchanged; // the same request again
        }

        if (!IsReason(command.Note))
        {
            return ReasonMissing;
        }

        if (command.Duration <= TimeSpan.Zero || command.Duration > command.Defense.MaximumDuration)
        {
            return ExpiryOutOfRange(command.Defense.MaximumDuration);
        }

        var specs = DefensePlan.WithAllowed(command.Specs, command.Defense.Policy.AllowedSources).Distinct().ToList();
        if ((Refusal(command.Specs, command.Defense, command.Scope.ServiceCode) ?? TooMany(specs)) is { } refusal)
        {
            return refusal;
        }

        // Nobody proposes to himself: by hand is already approved. A dry run stays one.
        var mode = command.Defense.Policy.Mode is EnforcementMode.DryRun ? EnforcementMode.DryRun : EnforcementMode.Automatic;
        return new MitigationEvent[]
        {
            new MitigationStarted(
                command.Scope.MitigationId,
                command.Scope.AnomalyId,
                command.Scope.ServiceCode,
                command.Specs[0].Prefix,
                ExpiresAt: command.At + command.Duration,
                StartedAt: command.At,
                command.Evidence ?? [],
                mode,
                command.Note,
                ObjectId: command.ObjectId,
                OrderId: command.OrderId,
                Against: command.Scope.Against),
        }
            .Concat(specs
                .Select(spec => Place(spec, command.Scope, mode, command.Defense.Means, command.At)))
            .ToArray();
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, AddCountermeasures command)
    {
        if ((NotOpenToOperators(current, command.MitigationId, command.Note) ?? NotOf(current, command.OrderId)) is { } no)
        {
            return no;
        }

        // Nobody proposes to himself: what is asked for by hand is agreed to, also where the rules have to ask, and where they asked for the same.
        var added = NewByHand(current, command.Specs);
        var specs = NewByHand(current, DefensePlan.WithAllowed(added, command.Defense.Policy.AllowedSources));
        if ((Refusal(added, command.Defense, current.Scope!.ServiceCode) ?? TooMany(specs)) is { } refusal)
        {
            return refusal;
        }

        var isDryRun = command.Defense.Policy.Mode is EnforcementMode.DryRun || current.Mode is EnforcementMode.DryRun;
        var mode = isDryRun ? EnforcementMode.DryRun : EnforcementMode.Automatic;
        return added.Count == 0
            ? Decision<MitigationEvent>.Unchanged
            : new MitigationEvent[] { new CountermeasuresAdded(current.Scope.ServiceCode, command.Note, command.At) }
                .Concat(specs
                    .Select(spec => Place(spec, current.Scope, mode, command.Defense.Means, command.At, command.ByHand)))
                .ToArray();
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, DropCountermeasure command)
    {
        if ((NotOpenToOperators(current, command.MitigationId, command.Note)
            ?? (command.Reason is WithdrawalReason.Operator ? NotOf(current, command.OrderId) : null)) is { } no)
        {
            return no;
        }

        return current.Countermeasures.GetValueOrDefault(command.CountermeasureId) switch
        {
            null => CountermeasureUnknown(command.CountermeasureId),
            { Stage: CountermeasureStage.Wanted } => new CountermeasureDropped(
                current.Scope!.ServiceCode, command.CountermeasureId, command.Note, command.At, command.Reason),
            { Stage: CountermeasureStage.Proposed } declined => Declined(declined),
            _ => Decision<MitigationEvent>.Unchanged,
        };

        // It was never in the network: with the no it is over. What would only have let allowed sources through it goes along with the last one.
        Decision<MitigationEvent> Declined(CountermeasureState declined)
        {
            var waiting = current.Countermeasures.Where(it => it.Value.Stage is CountermeasureStage.Proposed && it.Key != command.CountermeasureId
                && it.Value.Kind == declined.Kind && it.Value.Prefix.Equals(declined.Prefix)).ToList();
            var alone = waiting.All(it => it.Value.Rule is { Action: TrafficAction.Accept }) ? waiting.Select(it => it.Key) : [];
            return alone.Prepend(command.CountermeasureId)
                .SelectMany(id => new MitigationEvent[]
                {
                    new CountermeasureDropped(current.Scope!.ServiceCode, id, command.Note, command.At, command.Reason),
                    new CountermeasureWithdrawn(current.Scope, id, command.Reason, command.At),
                })
                .ToArray();
        }
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, ExtendMitigation command)
    {
        if ((NotOpenToOperators(current, command.MitigationId, command.Note) ?? NotOf(current, command.OrderId)) is { } no)
        {
            return no;
        }

        if (command.Duration <= TimeSpan.Zero || command.Duration > command.Maximum)
        {
            return ExpiryOutOfRange(command.Maximum);
        }

        // What is ordered to stand always has its end with the order.
        return current.OrderId is null && command.At + command.Duration > current.StartedAt + command.Longest
            ? StandsTooLong(current.StartedAt + command.Longest)
            : new MitigationExtended(current.Scope!.ServiceCode, command.At + command.Duration, command.Note, command.At);
    }

    /// <summary>Nothing stands without an end near enough, and no attack that goes on outlives its defence, unless a person said when that ends.</summary>
    public static Decision<MitigationEvent> Decide(MitigationState current, RenewMitigation command)
    {
        var (until, last) = (command.At + command.Maximum, current.StartedAt + command.Longest);
        return current is { Status: MitigationStatus.Standing, HeldUntil: null, IsExpiryByHand: false }
            && current.Scope!.AnomalyId != Guid.Empty
            && IsNearExpiry(current.ExpiresAt, command.Maximum, command.At)
            && current.ExpiresAt < last
                ? new MitigationExtended(current.Scope.ServiceCode, until < last ? until : last, command.Why, command.At, ByRule: true)
                : Decision<MitigationEvent>.Unchanged;
    }

    /// <summary>The last quarter: time enough to try often.</summary>
    public static bool IsNearExpiry(DateTimeOffset expiresAt, TimeSpan maximum, DateTimeOffset at) => expiresAt - at <= maximum / 4;

    public static Decision<MitigationEvent> Decide(MitigationState current, Escalate command)
    {
        if (current.Status is not MitigationStatus.Standing
            || current.HeldUntil is not null
            || current.Step != command.LeavesStep
            || current.Scope!.AnomalyId == Guid.Empty)
        {
            return Decision<MitigationEvent>.Unchanged; // over, or somebody was faster, or the steps are an operator's own
        }

        var defense = command.Defense;
        if (StepAfter(current, defense) is not { } step)
        {
            return Decision<MitigationEvent>.Unchanged; // nothing stronger is left: what stands goes on standing
        }

        var added = NewByRule(current, step.Specs);
        return Refusal(added, defense, current.Scope!.ServiceCode) is { } refusal
            ? Refused(current, step, refusal, command.At)
            : new MitigationEvent[] { new StepTaken(step.Index, command.Why, command.At) }
                .Concat(added.Select(spec => Place(spec, current.Scope!, ModeOf(current, defense), defense.Means, command.At)))
                .ToArray();
    }

    /// <summary>It is kept once: nobody must have to guess why nothing follows. Asked again with the same answer it is only refused.</summary>
    private static Decision<MitigationEvent> Refused(MitigationState current, PlannedStep step, Rejection why, DateTimeOffset at) =>
        IsSaid(why.Code, current.StepRefusedFor) ? why : new StepRefused(current.Scope!, step.Index, why.Code, why.Detail, at);

    /// <summary>The next step that does more than what stands already; null: nothing is left.</summary>
    public static PlannedStep? StepAfter(MitigationState current, Defense defense)
    {
        var step = Next(current.Step + 1);
        while (step is not null && NewByRule(current, step.Specs).All(spec => spec.IsAllowance))
        {
            step = Next(step.Index + 1);
        }

        return step;

        PlannedStep? Next(int from) =>
            DefensePlan.Next(current.Target, Admitted(current.Evidence, defense, current.Scope!.ServiceCode).Evidence, defense.Policy, defense.Means, from);
    }

    /// <summary>A measurement is no decision: it is kept when it says something else. The last word comes when the countermeasure has gone.</summary>
    public static Decision<MitigationEvent> Decide(MitigationState current, NoteEffect command) =>
        current.Status is not MitigationStatus.Standing
        || current.Countermeasures.GetValueOrDefault(command.CountermeasureId) is not { Stage: CountermeasureStage.Wanted } countermeasure
        || (command.IsUntaken && !countermeasure.Announced.IsEmpty) // the views that it was judged by do not know it yet
        || !EffectRules.IsNews(command.Effect.Verdict, command.Effect.Words, countermeasure.Effect)
            ? Decision<MitigationEvent>.Unchanged
            : new EffectMeasured(
                current.Scope!,
                command.CountermeasureId,
                command.Effect with { BeforeBitsPerSecond = EffectRules.Before(current.Evidence).All },
                command.At);

    public static Decision<MitigationEvent> Decide(MitigationState current, NoteEffects command) =>
        command.Effects.SelectMany(one => Decide(current, one) is Decision<MitigationEvent>.Accepted(var happened) ? happened : []).ToArray();

    /// <summary>The last word on a countermeasure that was in force and is gone; the mitigation may have ended meanwhile.</summary>
    public static Decision<MitigationEvent> Decide(MitigationState current, NoteAftermath command)
    {
        if (current.Countermeasures.GetValueOrDefault(command.CountermeasureId) is not
            { Stage: CountermeasureStage.Withdrawn, IsFinal: false, Announced.IsEmpty: false } countermeasure)
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        var effect = countermeasure.Effect ?? new MeasuredEffect(
            EffectRules.Before(current.Evidence).All,
            DuringBitsPerSecond: null,
            DroppedPackets: null,
            DroppedBytes: null,
            PassedPackets: null,
            PassedBytes: null,
            EffectRules.Unmeasured);
        if (command.Counted is { } counted)
        {
            effect = effect with
            {
                DroppedPackets = counted.DroppedPackets,
                DroppedBytes = counted.DroppedBytes,
                PassedPackets = counted.PassedPackets,
                PassedBytes = counted.PassedBytes,
            };
        }

        return new EffectMeasured(
            current.Scope!,
            command.CountermeasureId,
            effect with { BeforeBitsPerSecond = EffectRules.Before(current.Evidence).All, AfterBitsPerSecond = command.AfterBitsPerSecond, Words = EffectRules.LastWords(effect.Words, command.AfterBitsPerSecond) },
            command.At,
            IsFinal: true);
    }

    /// <summary>With what lets allowed sources through: of a contract with many policies that can be more than routers take.</summary>
    private static Rejection? TooMany(IReadOnlyList<CountermeasureSpec> specs) =>
        specs.Count > SafetyRails.MostAtOnce ? TooManyAtOnce(specs.Count) : null;

    private static Rejection? NotOpenToOperators(MitigationState current, Guid mitigationId, string note) => current.Status switch
    {
        MitigationStatus.None or MitigationStatus.OverBeforeStart => Unknown(mitigationId),
        not MitigationStatus.Standing => NotStanding(mitigationId),
        _ => IsReason(note) ? null : ReasonMissing,
    };

    /// <summary>What stands for an order never expires: whatever joined it would not either, and what was taken out of it would be put in again.</summary>
    private static Rejection? NotOf(MitigationState current, Guid? orderId) => current.OrderId == orderId ? null : StandsForOrder(current.Scope!.MitigationId);

    /// <summary>What the rules add asks for what the policy wants now: who agreed to one step has not agreed to the next.</summary>
    private static EnforcementMode ModeOf(MitigationState current, Defense defense) =>
        (EnforcementMode)Math.Max((int)current.Mode, (int)defense.Policy.Mode);

    /// <summary>
    /// Without what stands or is proposed already. What is on its way out is new: a speaker that does not answer would keep it from the others else.
    /// </summary>
    public static IReadOnlyList<CountermeasureSpec> New(MitigationState current, IReadOnlyList<CountermeasureSpec> specs) =>
    [
        .. specs.DistinctBy(spec => spec.IdIn(current.Scope!.MitigationId)).Where(spec => current.Countermeasures
            .GetValueOrDefault(spec.IdIn(current.Scope!.MitigationId)) is null or { Stage: CountermeasureStage.Unwanted or CountermeasureStage.Withdrawn }),
    ];

    /// <summary>The same and what is only proposed.</summary>
    private static IReadOnlyList<CountermeasureSpec> NewByHand(MitigationState current, IReadOnlyList<CountermeasureSpec> specs) =>
    [
        .. specs.DistinctBy(spec => spec.IdIn(current.Scope!.MitigationId)).Where(spec =>
            current.Countermeasures.GetValueOrDefault(spec.IdIn(current.Scope!.MitigationId)) is { Stage: CountermeasureStage.Proposed }
            || New(current, [spec]).Count > 0),
    ];

    /// <summary>The same where nobody asks for it by hand: what a person took out stays out.</summary>
    public static IReadOnlyList<CountermeasureSpec> NewByRule(MitigationState current, IReadOnlyList<CountermeasureSpec> specs) =>
    [
        .. New(current, specs).Where(spec =>
            current.Countermeasures.GetValueOrDefault(spec.IdIn(current.Scope!.MitigationId)) is not { DroppedFor: WithdrawalReason.Operator }),
    ];
}
