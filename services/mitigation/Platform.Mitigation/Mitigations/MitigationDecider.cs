using System.Collections.Immutable;
using System.Net;
using Platform.EventStore;
using Platform.Mitigation.Effects;
using static Platform.Mitigation.Mitigations.MitigationRejections;

namespace Platform.Mitigation.Mitigations;

/// <param name="Scope">The mitigation, its anomaly and contract.</param>
/// <param name="Target">Attacked prefix as detection reported it.</param>
/// <param name="Evidence">What detection saw.</param>
/// <param name="Defense">Everything that decides what may be done.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="ObjectId">The protected object; null: none in particular.</param>
/// <param name="IsOutgoing">Whether the target is where the attack comes from.</param>
internal sealed record StartMitigation(
    MitigationScope Scope,
    string Target,
    IReadOnlyList<VectorEvidence> Evidence,
    Defense Defense,
    DateTimeOffset At,
    Guid? ObjectId = null,
    bool IsOutgoing = false);

/// <summary>What is known at the moment of a decision.</summary>
/// <param name="Contract">What the tenant's contract protects now.</param>
/// <param name="Policy">How the protected object is defended.</param>
/// <param name="Rails">What no countermeasure may do.</param>
/// <param name="Means">What the network can do now.</param>
/// <param name="Slot">Whether there is room for the countermeasures.</param>
/// <param name="MaximumDuration">Expiry of the countermeasures, counted from now.</param>
/// <param name="MostPrefixes">Of an attack on many prefixes there is room for so many.</param>
/// <param name="NoMore">Why there is none for the others.</param>
internal sealed record Defense(
    ContractScope Contract,
    DefensePolicy Policy,
    SafetyRails Rails,
    NetworkMeans Means,
    SlotAnswer Slot,
    TimeSpan MaximumDuration,
    int MostPrefixes = int.MaxValue,
    SlotAnswer NoMore = SlotAnswer.Granted);

/// <summary>What a contract protects.</summary>
/// <param name="Prefixes">The tenant's own prefixes under this contract.</param>
/// <param name="Ended">Whether the contract was terminated.</param>
internal sealed record ContractScope(IReadOnlyList<IPNetwork> Prefixes, bool Ended);

/// <summary>Answer to the question for room under the caps.</summary>
internal enum SlotAnswer
{
    Granted,
    TenantFull,
    AllFull,
    StandingFull,
    TenantRulesFull,
    AllRulesFull,
}

/// <param name="Scope">The mitigation, its anomaly and contract.</param>
/// <param name="Hold">How long what stands stays.</param>
/// <param name="EndedAt">When the end was recognised (UTC).</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Until">When the attack was seen last (UTC); null: not known.</param>
internal sealed record NoteAnomalyEnd(MitigationScope Scope, TimeSpan Hold, DateTimeOffset EndedAt, DateTimeOffset At, DateTimeOffset? Until = null);

/// <summary>Detection ended the anomaly because no telemetry is heard.</summary>
/// <param name="End">As if it were over.</param>
internal sealed record NoteSightLost(NoteAnomalyEnd End);

/// <summary>The anomaly is over and its hold has passed.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="Hold">How long what is narrower stands on.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record RelieveMitigation(Guid MitigationId, TimeSpan Hold, DateTimeOffset At);

/// <param name="MitigationId">Which.</param>
/// <param name="Reason">What kind of reason it is.</param>
/// <param name="Note">Why; null: the reason says it.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="OrderId">The always-on order that asks; null: nobody's.</param>
internal sealed record WithdrawMitigation(Guid MitigationId, WithdrawalReason Reason, string? Note, DateTimeOffset At, Guid? OrderId = null);

/// <summary>Something in the network was read back with countermeasures of this mitigation.</summary>
/// <param name="Routes">What it holds, by countermeasure.</param>
/// <param name="Speaker">Name of the speaker or scrubber.</param>
/// <param name="At">When it was read (UTC).</param>
internal sealed record ConfirmAnnouncement(IReadOnlyDictionary<Guid, string> Routes, string Speaker, DateTimeOffset At);

/// <summary>Something in the network was read without countermeasures of this mitigation.</summary>
/// <param name="Gone">The countermeasures that were looked for, each with all that could hold it.</param>
/// <param name="Speaker">The speaker or scrubber that was read without them.</param>
/// <param name="At">When it was read (UTC).</param>
internal sealed record ConfirmClearance(IReadOnlyDictionary<Guid, ImmutableHashSet<string>> Gone, string Speaker, DateTimeOffset At);

/// <summary>The rules of a mitigation. Pure: time, identity, contract, policy and caps arrive with the command.</summary>
internal static partial class MitigationDecider
{
    public static Decision<MitigationEvent> Decide(MitigationState current, StartMitigation command)
    {
        var (defense, scope) = (command.Defense, command.Scope);
        if (current.Status is not (MitigationStatus.None or MitigationStatus.Refused) && !BeginsAnew(current, defense.Policy.Mode))
        {
            return HeardMeanwhile(current, command.Evidence, command.At); // the same anomaly again, or its end came first
        }

        if (SaysMore(current with { Evidence = command.Evidence }, current.Evidence))
        {
            // Its beginning comes behind its growth, and would undo it; with all that is known, and room for that, it is asked again in a moment.
            return HeardMeanwhile(current, command.Evidence, command.At);
        }

        if (command.IsOutgoing)
        {
            return Failed(AttackGoesOut(command.Target)); // whatever we do to traffic towards it would hit its owner only; first, because it never passes
        }

        var (evidence, leftOut) = Admitted(command.Evidence, defense, scope.ServiceCode);
        if (!IsSpread(evidence) && defense.Rails.RefusalOfTarget(command.Target, defense.Contract, scope.ServiceCode) is { } wrongTarget)
        {
            return Failed(wrongTarget);
        }

        var target = IsSpread(evidence) ? DefensePlan.TargetsOf(default, evidence)[0] : IPNetwork.Parse(command.Target);
        if (DefensePlan.Next(target, evidence, defense.Policy, defense.Means, from: 0) is not { } step)
        {
            var isTooMild = DefensePlan.Next(target, evidence, defense.Policy, defense.Means, from: 0, Severity.Critical) is not null;
            return Failed(isTooMild || target.PrefixLength is 32 or 128 ? NoStepFits(scope.ServiceCode) : BlackholeOfMoreThanAHost(target));
        }

        var specs = step.Specs.Where(spec => !IsStoppedByHand(current, spec, scope.MitigationId)).ToList();
        if (specs.All(spec => spec.IsAllowance))
        {
            return Decision<MitigationEvent>.Unchanged; // begun anew, what a person took out stays out
        }

        if (Refusal(specs, defense, scope.ServiceCode) is { } refusal)
        {
            return Failed(refusal);
        }

        return new MitigationEvent[]
        {
            new MitigationStarted(
                scope.MitigationId,
                scope.AnomalyId,
                scope.ServiceCode,
                target,
                ExpiresAt: command.At + defense.MaximumDuration,
                StartedAt: command.At,
                evidence,
                defense.Policy.Mode,
                Step: step.Index,
                ObjectId: command.ObjectId),
        }
            .Concat(specs.Select(spec => Place(spec, scope, defense.Policy.Mode, defense.Means, command.At)))
            .Concat(leftOut is null ? [] : [new StepRefused(scope, step.Index, leftOut.Code, leftOut.Detail, command.At)])
            .ToArray();

        // What is on its way out first ends, and what was said already is not said again.
        Decision<MitigationEvent> Failed(Rejection why) => current.Status is not MitigationStatus.Withdrawing && !IsSaid(why.Code, current.RefusedFor)
            ? new MitigationFailed(scope, command.Target, why.Code, why.Detail, command.At, command.Evidence, command.ObjectId)
            : HeardMeanwhile(current, command.Evidence, command.At);
    }

    /// <summary>The step that a defence would begin with; null: none, or a rail says no.</summary>
    public static PlannedStep? FirstStep(StartMitigation command)
    {
        var (defense, (evidence, _)) = (command.Defense, Admitted(command.Evidence, command.Defense, command.Scope.ServiceCode));
        return !IsSpread(evidence) && defense.Rails.RefusalOfTarget(command.Target, defense.Contract, command.Scope.ServiceCode) is not null
            ? null
            : DefensePlan.Next(IsSpread(evidence) ? default : IPNetwork.Parse(command.Target), evidence, defense.Policy, defense.Means, from: 0);
    }

    /// <summary>Whether what is decided now would be another step than in a moment, when scrubbers had the time to be heard.</summary>
    public static bool WaitsForScrubbers(StartMitigation command) =>
        !command.IsOutgoing
        && command.Defense.Rails.RefusalOfTarget(command.Target, command.Defense.Contract, command.Scope.ServiceCode) is null
        && DefensePlan.HingesOnTheUnheard(IPNetwork.Parse(command.Target), command.Evidence, command.Defense);

    /// <summary>Of an attack that is asked about again it is remembered what it grew to meanwhile: detection says it once, and with it the defence begins.</summary>
    private static Decision<MitigationEvent> HeardMeanwhile(MitigationState current, IReadOnlyList<VectorEvidence> seen, DateTimeOffset at) =>
        (current.IsInterrupted || current.Status is MitigationStatus.Refused) && (SaysMore(current, seen) || IsGreater(current, seen))
            ? new EvidenceGrew(AllOf(current, seen), at)
            : Decision<MitigationEvent>.Unchanged;

    /// <summary>
    /// Whether the defence of an attack that goes on begins once more: after the kill switch or a dry run, which say nothing of the attack, and when what was
    /// only rehearsed is to be done. What is on its way out first goes, unless it comes back at once: a speaker that is away would keep it from the others.
    /// </summary>
    private static bool BeginsAnew(MitigationState current, EnforcementMode mode) =>
        (current.IsInterrupted && (current.Status is MitigationStatus.Closed || mode is EnforcementMode.Automatic))
        || (current.IsRehearsal && mode is not EnforcementMode.DryRun);

    private static bool IsStoppedByHand(MitigationState current, CountermeasureSpec spec, Guid mitigationId) =>
        current.Countermeasures.GetValueOrDefault(spec.IdIn(mitigationId)) is { DroppedFor: WithdrawalReason.Operator };

    public static Decision<MitigationEvent> Decide(MitigationState current, NoteAnomalyEnd command)
    {
        var noted = new AnomalyEndNoted(
            command.Scope.MitigationId,
            command.Scope.ServiceCode,
            command.Scope.AnomalyId,
            HeldUntil: HeldUntil(current, current.Countermeasures.Values.Where(it => it.Stage is CountermeasureStage.Wanted), command.Hold, command.At),
            command.EndedAt,
            command.Until);

        // Remembered whatever became of the defence: the beginning, when it comes, changes nothing, and what is done by hand is not taken to be against it.
        return current.HeldUntil is null ? noted : Decision<MitigationEvent>.Unchanged;
    }

    /// <summary>
    /// Until when a person has said that it stands, before it was over, its narrowest step does: attacks come back. What is wider goes as after every attack: it
    /// was there because that did not help, and does more harm than good without one. Whatever the hold is, it is no shorter.
    /// </summary>
    private static DateTimeOffset HeldUntil(MitigationState current, IEnumerable<CountermeasureState> left, TimeSpan hold, DateTimeOffset at) =>
        current.IsExpiryByHand && current.ExpiresAt > at + hold && left.Select(it => it.Step).Distinct().Count() <= 1 ? current.ExpiresAt : at + hold;

    /// <summary>That nobody sees the attack is no end of it. Where nothing is in the network there is nothing to keep.</summary>
    public static Decision<MitigationEvent> Decide(MitigationState current, NoteSightLost command) =>
        current.Status is not MitigationStatus.Standing || !current.Countermeasures.Values.Any(it => it.IsInNetwork) ? Decide(current, command.End)
        : current.IsOutOfSight || current.HeldUntil is not null ? Decision<MitigationEvent>.Unchanged
        : new AnomalySightLost(command.End.EndedAt);

    /// <summary>One step back for each hold, the widest first; the end when nothing narrower is left.</summary>
    public static Decision<MitigationEvent> Decide(MitigationState current, RelieveMitigation command)
    {
        var standing = current.Countermeasures.Where(it => it.Value.Stage is CountermeasureStage.Wanted).ToList();
        var narrower = standing.Where(it => it.Value.Step < current.Step).ToList();
        if (current.Status is not MitigationStatus.Standing || current.HeldUntil is not { } heldUntil || command.At < heldUntil || standing.Count == 0)
        {
            return Withdraw();
        }

        if (narrower.Count == 0 || narrower.Count == standing.Count)
        {
            // What was wider at the end of the attack a person stopped since: the narrowest is all that is left.
            var until = HeldUntil(current, standing.Select(it => it.Value), TimeSpan.Zero, command.At);
            return until > command.At ? new SteppedBack(standing.Max(it => it.Value.Step), until, command.At) : Withdraw();
        }

        return new MitigationEvent[]
        {
            new SteppedBack(narrower.Max(it => it.Value.Step), HeldUntil(current, narrower.Select(it => it.Value), command.Hold, command.At), command.At),
        }
            .Concat(standing.Except(narrower).Select(it => new CountermeasureDropped(
                current.Scope!.ServiceCode, it.Key, "The attack is over: one step back.", command.At, WithdrawalReason.AnomalyEnded)))
            .ToArray();

        Decision<MitigationEvent> Withdraw() =>
            Decide(current, new WithdrawMitigation(command.MitigationId, WithdrawalReason.AnomalyEnded, Note: null, command.At));
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, WithdrawMitigation command)
    {
        if (current.Status is MitigationStatus.None or MitigationStatus.OverBeforeStart)
        {
            return Unknown(command.MitigationId);
        }

        if (current.Status is not MitigationStatus.Standing)
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        return command.Reason switch
        {
            WithdrawalReason.AnomalyEnded when current.HeldUntil is null => AnomalyStillOpen(command.MitigationId),
            WithdrawalReason.AnomalyEnded when command.At < current.HeldUntil => StillHeld(current.HeldUntil.Value),
            WithdrawalReason.Expired when command.At < current.ExpiresAt => NotExpired(current.ExpiresAt),
            WithdrawalReason.Operator when !IsReason(command.Note) => ReasonMissing,
            WithdrawalReason.Operator when NotOf(current, command.OrderId) is { } no => no,
            _ => Withdrawn(),
        };

        Decision<MitigationEvent> Withdrawn()
        {
            var requested = new WithdrawalRequested(current.Scope!.ServiceCode, command.Reason, command.Note, command.At);
            return current.Countermeasures.Values.Any(it => it.IsInNetwork)
                ? requested
                : new MitigationEvent[] { requested, Ended(current, command.At) };
        }
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, ConfirmAnnouncement command) =>
        current.Status is not MitigationStatus.Standing
            ? Decision<MitigationEvent>.Unchanged
            :
            (
                from routed in command.Routes
                let countermeasure = current.Countermeasures.GetValueOrDefault(routed.Key)
                where countermeasure is { Stage: CountermeasureStage.Wanted } // else already unwanted
                    && !countermeasure.Announced.Contains(command.Speaker) // else again, after a restart of the speaker
                select (MitigationEvent)new CountermeasureAnnounced(
                    current.Scope!,
                    routed.Key,
                    countermeasure.Kind,
                    routed.Value,
                    command.Speaker,
                    command.At,
                    IsAllowance: countermeasure.Rule is { Action: TrafficAction.Accept }))
            .ToArray();

    public static Decision<MitigationEvent> Decide(MitigationState current, ConfirmClearance command)
    {
        if (current.Status is not (MitigationStatus.Standing or MitigationStatus.Withdrawing))
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        var events = new List<MitigationEvent>();
        var isWithdrawing = current.Status is MitigationStatus.Withdrawing;
        var inNetwork = current.Countermeasures.Where(it => it.Value.IsInNetwork).Select(it => it.Key).ToHashSet();
        foreach (var (id, holders) in command.Gone)
        {
            if (!current.Countermeasures.TryGetValue(id, out var countermeasure)
                || !countermeasure.IsInNetwork
                || (countermeasure.Stage is CountermeasureStage.Wanted && !isWithdrawing)) // missing while it shall stand: drift, not an end
            {
                continue;
            }

            // Read again, it is asked again: a holder may have gone for good since the others were read without it.
            if (!countermeasure.Cleared.Add(command.Speaker).IsSupersetOf(holders))
            {
                if (!countermeasure.Cleared.Contains(command.Speaker))
                {
                    events.Add(new CountermeasureCleared(id, command.Speaker, command.At));
                }

                continue;
            }

            events.Add(new CountermeasureWithdrawn(current.Scope!, id, current.Reason ?? countermeasure.DroppedFor ?? WithdrawalReason.Operator, command.At));
            inNetwork.Remove(id);
            if (isWithdrawing && inNetwork.Count == 0)
            {
                events.Add(Ended(current, command.At));
            }
        }

        return events.ToArray();
    }

    /// <summary>What only lets through is no defence; what changed nothing to the last is none that a customer may be told of.</summary>
    private static MitigationEnded Ended(MitigationState current, DateTimeOffset at)
    {
        var stood = current.Countermeasures.Values.Where(it => it.LastVerdict is not null).ToList();
        var hasFilters = stood.Any(it => it.Kind is CountermeasureKind.Scrubbing); // then a diversion only leads to them
        var verdicts = (from it in stood
                        where !hasFilters || it.Kind is not CountermeasureKind.Diversion
                        select it.RelievedAt > current.AttackUntil || it.DroppedNothing ? EffectRules.Unchanged : it.LastVerdict).ToList();
        var notHelped = EffectRules.DidNotHelp(verdicts);
        return new MitigationEnded(current.Scope!, Defended: verdicts.Count > 0 && !notHelped, at, notHelped);
    }

    private static bool IsSpread(IReadOnlyList<VectorEvidence> evidence) => evidence.Any(vector => vector.Prefixes is { Count: > 0 });

    /// <summary>
    /// Of an attack on several prefixes those that every rail lets through and there is room for, the largest first; and why the others are left out, in one
    /// refusal. Of any other attack all of it.
    /// </summary>
    public static (IReadOnlyList<VectorEvidence> Evidence, Rejection? LeftOut) Admitted(
        IReadOnlyList<VectorEvidence> evidence, Defense defense, string serviceCode)
    {
        if (!IsSpread(evidence))
        {
            return (evidence, null);
        }

        var asked = evidence.SelectMany(vector => vector.Prefixes ?? []).OrderByDescending(it => it.Share).Select(it => it.Prefix).Distinct()
            .Select(prefix => (Prefix: prefix, Why: defense.Rails.RefusalOfTarget(prefix.ToString(), defense.Contract, serviceCode))).ToList();
        var may = asked.Where(it => it.Why is null).Select(it => it.Prefix).ToList();
        var admitted = may.Where(it => !may.Any(wider => !wider.Equals(it) && SafetyRails.Covers(wider, it))).Take(defense.MostPrefixes).ToHashSet();
        var others = asked.Where(it => !admitted.Any(one => SafetyRails.Covers(one, it.Prefix))).ToList();
        var why = others.Select(it => it.Why).FirstOrDefault(it => it is not null) ?? RefusalFor(defense.NoMore);
        return (
            [.. evidence.Select(vector => vector with { Prefixes = vector.Prefixes?.Where(it => admitted.Contains(it.Prefix)).ToArray() })],
            others.Count == 0 || why is null ? null
                : why with { Detail = $"{others.Count} of {asked.Count} attacked prefixes are not defended ({string.Join(", ", others.Take(5).Select(it => it.Prefix))}{(others.Count > 5 ? ", ..." : "")}): {why.Detail}" });
    }

    private static Rejection? Refusal(IReadOnlyList<CountermeasureSpec> specs, Defense defense, string serviceCode) =>
        specs.Select(spec => defense.Rails.RefusalOf(spec, defense.Contract, serviceCode)).FirstOrDefault(refusal => refusal is not null)
        ?? (!defense.Means.SynProxy && specs.Any(spec => spec.Rule is { Action: TrafficAction.SynProxy }) ? NoSynProxy : null)
        ?? specs.Where(spec => spec.Kind is CountermeasureKind.Diversion)
            .Select(spec => defense.Means.RefusalToDivert(spec.Prefix)).FirstOrDefault(refusal => refusal is not null)
        ?? (defense.Means.ScrubbersAway && specs.Any(LeadsToScrubbers) ? ScrubbersAway(defense.Means.Pool) : null)
        ?? (defense.Means.NoRoom && specs.Any(LeadsToScrubbers) ? CapacityExceeded : null)
        ?? RefusalFor(defense.Slot);

    public static Rejection? RefusalFor(SlotAnswer slot) => slot switch
    {
        SlotAnswer.TenantFull => TenantCapReached,
        SlotAnswer.AllFull => TotalCapReached,
        SlotAnswer.StandingFull => StandingCapReached,
        SlotAnswer.TenantRulesFull => TenantRulesCapReached,
        SlotAnswer.AllRulesFull => TotalRulesCapReached,
        _ => null,
    };

    /// <summary>Whom an allow-list names is let through what stands there already; it leads nothing anywhere.</summary>
    private static bool LeadsToScrubbers(CountermeasureSpec spec) => spec.NeedsScrubbers && !spec.IsAllowance;

    private static MitigationEvent Place(
        CountermeasureSpec spec, MitigationScope scope, EnforcementMode mode, NetworkMeans means, DateTimeOffset at, bool byHand = false) => mode switch
    {
        EnforcementMode.AfterApproval => new CountermeasureProposed(spec.IdIn(scope.MitigationId), spec.Kind, spec.Prefix, spec.Rule, at, scope),
        EnforcementMode.DryRun => new CountermeasureRehearsed(spec.IdIn(scope.MitigationId), spec.Kind, spec.Prefix, spec.Rule, at),
        _ => new CountermeasureRequested(
            spec.IdIn(scope.MitigationId),
            spec.Kind,
            spec.Prefix,
            at,
            spec.Rule,
            spec.NeedsScrubbers ? means.Pool : null,
            byHand),
    };

    private static bool IsReason(string? text) => !string.IsNullOrWhiteSpace(text) && text.Length <= 200;
}
