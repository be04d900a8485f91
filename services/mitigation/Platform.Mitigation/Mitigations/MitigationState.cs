using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Platform.EventStore;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

internal enum MitigationStatus
{
    /// <summary>Nothing is known of the anomaly.</summary>
    None,

    /// <summary>The end of the anomaly came before its beginning: there is nothing left to defend.</summary>
    OverBeforeStart,

    /// <summary>Countermeasures shall stand, or wait for approval.</summary>
    Standing,

    /// <summary>Countermeasures shall go.</summary>
    Withdrawing,

    /// <summary>Ended or failed; final.</summary>
    Closed,

    /// <summary>Failed for what may pass while the anomaly goes on: too mild for every step, or no room under a cap.</summary>
    Refused,
}

/// <summary>What the rules need to remember about one mitigation, and nothing else.</summary>
internal sealed record MitigationState(
    MitigationStatus Status,
    MitigationScope? Scope,
    IPNetwork Target,
    EnforcementMode Mode,
    IReadOnlyList<VectorEvidence> Evidence,
    int Step,
    DateTimeOffset StepSince,
    DateTimeOffset ExpiresAt,
    DateTimeOffset? HeldUntil,
    WithdrawalReason? Reason,
    ImmutableDictionary<Guid, CountermeasureState> Countermeasures,
    DateTimeOffset StartedAt = default,
    Guid? ObjectId = null,
    Guid? OrderId = null,
    string? RefusedFor = null,
    int? InsteadOf = null,
    bool IsExpiryByHand = false,
    bool IsOutOfSight = false,
    IReadOnlyList<string>? Unanswered = null,
    DateTimeOffset? AttackUntil = null,
    string? StepRefusedFor = null,
    DateTimeOffset? InForceSince = null)
{
    public static readonly StreamType<MitigationState, MitigationEvent> Stream = new(
        "mitigation",
        new MitigationState(
            MitigationStatus.None,
            Scope: null,
            Target: default,
            EnforcementMode.Automatic,
            Evidence: [],
            Step: 0,
            StepSince: default,
            ExpiresAt: default,
            HeldUntil: null,
            Reason: null,
            ImmutableDictionary<Guid, CountermeasureState>.Empty),
        Evolve);

    public static MitigationState Evolve(MitigationState current, MitigationEvent happened) => happened switch
    {
        MitigationStarted e => current with
        {
            Status = MitigationStatus.Standing,
            Scope = new MitigationScope(e.MitigationId, e.AnomalyId, e.ServiceCode, e.Against),
            Target = e.Target,
            Mode = e.Mode,
            Evidence = e.Evidence ?? [],
            Step = e.Step,
            StepSince = e.StartedAt,
            ExpiresAt = e.ExpiresAt,
            StartedAt = e.StartedAt,
            ObjectId = e.ObjectId,
            OrderId = e.OrderId,
            RefusedFor = null,
            // Where it begins anew, nothing of what ended it the time before.
            Reason = null,
            InsteadOf = null,
            IsExpiryByHand = false,
            Unanswered = null,
            StepRefusedFor = null,
            InForceSince = null,
            Countermeasures = current.Countermeasures.ToImmutableDictionary(it => it.Key, it => it.Value.BeforeANewBeginning(current.Reason)),
        },
        CountermeasureRequested e => current.With(
            e.CountermeasureId,
            CountermeasureState.New(CountermeasureStage.Wanted, e.Kind, e.Prefix, e.Rule, current.StepOf(e.CountermeasureId)) with
            {
                Pool = e.Pool,
                IsByHand = e.ByHand || current.Countermeasures.GetValueOrDefault(e.CountermeasureId) is { Stage: CountermeasureStage.Wanted, IsByHand: true },
                PastVerdict = current.Countermeasures.GetValueOrDefault(e.CountermeasureId)?.LastVerdict,
            }),
        CountermeasureProposed e => current.With(
            e.CountermeasureId, CountermeasureState.New(CountermeasureStage.Proposed, e.Kind, e.Prefix, e.Rule, current.Step)),
        CountermeasureRehearsed e => current.With(
            e.CountermeasureId, CountermeasureState.New(CountermeasureStage.Rehearsed, e.Kind, e.Prefix, e.Rule, current.Step)),
        MitigationApproved => current with { Mode = EnforcementMode.Automatic },
        CountermeasuresAdded => current,
        StepTaken e => current with { Step = e.Step, StepSince = e.TakenAt, InsteadOf = e.InsteadOf, Unanswered = null, StepRefusedFor = null },
        StepRefused e => current with { StepRefusedFor = e.Code },
        SteppedBack e => current with { Step = e.Step, StepSince = e.TakenAt, HeldUntil = e.HeldUntil },
        EvidenceGrew e => current with { Evidence = e.Evidence, Unanswered = e.Unanswered },
        MitigationExtended e => current with
        {
            ExpiresAt = e.ExpiresAt,
            IsExpiryByHand = !e.ByRule,
            HeldUntil = !e.ByRule && e.ExpiresAt > current.HeldUntil ? e.ExpiresAt : current.HeldUntil, // also after the attack
        },
        CountermeasureDropped e => current.With(
            e.CountermeasureId,
            it => it with { Stage = CountermeasureStage.Unwanted, Cleared = [], DroppedFor = e.Reason, DroppedAt = e.DroppedAt }),
        ScrubbersLost => current, // what it means for each countermeasure follows
        EffectMeasured e => current.With(e.CountermeasureId, it => it with { Effect = e.Effect, IsFinal = e.IsFinal, RelievedAt = it.RelievedBy(e) }),
        CountermeasureAnnounced e => current.With(e.CountermeasureId, it => it with { Announced = it.Announced.Add(e.Speaker) }) with
        {
            InForceSince = current.InForceSince ?? (e.IsAllowance ? (DateTimeOffset?)null : e.AnnouncedAt),
        },
        AnomalyEndNoted e => current with
        {
            Status = current.Status switch
            {
                MitigationStatus.None => MitigationStatus.OverBeforeStart,
                MitigationStatus.Refused => MitigationStatus.Closed,
                var status => status,
            },
            Scope = new MitigationScope(e.MitigationId, e.AnomalyId, e.ServiceCode),
            HeldUntil = e.HeldUntil,
            AttackUntil = e.Until,
        },
        AnomalySightLost => current with { IsOutOfSight = true },
        WithdrawalRequested e => current with { Status = MitigationStatus.Withdrawing, Reason = e.Reason },
        CountermeasureCleared e => current.With(
            e.CountermeasureId, it => it with { Cleared = it.Cleared.Add(e.Speaker) }),
        CountermeasureWithdrawn e => current.With(e.CountermeasureId, it => it with { Stage = CountermeasureStage.Withdrawn }),
        MitigationEnded => current with { Status = MitigationStatus.Closed },
        MitigationFailed e => current with
        {
            Status = MitigationRejections.MayPass(e.Code) ? MitigationStatus.Refused : MitigationStatus.Closed,
            Scope = e.Scope,
            Evidence = e.Evidence ?? current.Evidence,
            RefusedFor = e.Code,
        },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the mitigation stream."),
    };

    /// <summary>
    /// Whether what ended it has nothing to do with the attack, which nobody says is over: the kill switch, or a dry run that began. Who releases the
    /// switch, or ends the dry run, expects the defence of what goes on; what a person ordered by hand only that person orders again.
    /// </summary>
    public bool IsInterrupted =>
        Status is MitigationStatus.Withdrawing or MitigationStatus.Closed
        && Reason is WithdrawalReason.KillSwitch or WithdrawalReason.DryRun
        && IsOfAnOpenAnomaly;

    /// <summary>Whether it only records what would be done against an attack that goes on.</summary>
    public bool IsRehearsal => this is { Status: MitigationStatus.Standing, Mode: EnforcementMode.DryRun } && IsOfAnOpenAnomaly;

    private bool IsOfAnOpenAnomaly => HeldUntil is null && Scope is { } scope && scope.AnomalyId != Guid.Empty;

    /// <summary>Asked for again while it stands, elsewhere or because a person agreed, it stays of the step that it came with.</summary>
    private int StepOf(Guid countermeasureId) =>
        Status is MitigationStatus.Standing
        && Countermeasures.GetValueOrDefault(countermeasureId) is { Stage: CountermeasureStage.Wanted or CountermeasureStage.Proposed } known
            ? known.Step
            : Step;

    private MitigationState With(Guid id, CountermeasureState countermeasure) =>
        this with { Countermeasures = Countermeasures.SetItem(id, countermeasure) };

    private MitigationState With(Guid id, Func<CountermeasureState, CountermeasureState> change) =>
        With(id, change(Countermeasures[id]));
}

internal enum CountermeasureStage
{
    /// <summary>Waits for approval; not in the network.</summary>
    Proposed,

    /// <summary>Dry run; never in the network.</summary>
    Rehearsed,

    /// <summary>The network shall hold it.</summary>
    Wanted,

    /// <summary>Dropped by itself while the mitigation stands; the network shall not hold it any more.</summary>
    Unwanted,

    /// <summary>Nobody in the network holds it any more.</summary>
    Withdrawn,
}

/// <param name="Stage">Where it stands.</param>
/// <param name="Kind">What is done with the traffic.</param>
/// <param name="Prefix">Prefix that is announced.</param>
/// <param name="Rule">Which packets; null when all of the prefix are meant.</param>
/// <param name="Announced">Speakers and scrubbers that were read back with it.</param>
/// <param name="Cleared">Speakers and scrubbers that were read without it since the withdrawal.</param>
/// <param name="Step">Index of the policy's step that it came with.</param>
/// <param name="Effect">What was last measured; null before.</param>
/// <param name="IsFinal">Whether that was the last word.</param>
/// <param name="DroppedFor">Why it alone goes; null when it does not.</param>
/// <param name="Pool">Scrubbing pool that the traffic goes to; null: none in particular.</param>
/// <param name="DroppedAt">When it was decided that it alone goes (UTC); null: it was not.</param>
/// <param name="RelievedAt">
/// When of a route or rule that had changed nothing it was said that it helps (UTC); null: never. After the attack that says nothing of it.
/// </param>
/// <param name="PastVerdict">The last word on it before it was asked for anew; null: it was never in force before.</param>
/// <param name="IsByHand">Whether a person added it to what the rules do.</param>
internal sealed record CountermeasureState(
    CountermeasureStage Stage,
    CountermeasureKind Kind,
    IPNetwork Prefix,
    TrafficRule? Rule,
    ImmutableHashSet<string> Announced,
    ImmutableHashSet<string> Cleared,
    int Step,
    MeasuredEffect? Effect = null,
    bool IsFinal = false,
    WithdrawalReason? DroppedFor = null,
    string? Pool = null,
    DateTimeOffset? DroppedAt = null,
    DateTimeOffset? RelievedAt = null,
    string? PastVerdict = null,
    bool IsByHand = false)
{
    /// <summary>Whether something of it can be in the network.</summary>
    public bool IsInNetwork => Stage is CountermeasureStage.Wanted or CountermeasureStage.Unwanted;

    /// <summary>The last word on what it did; null: it was never in force, or only lets through.</summary>
    public string? LastVerdict =>
        Rule is { Action: TrafficAction.Accept } ? null : Announced.IsEmpty ? PastVerdict : Effect?.Verdict ?? EffectRules.Unmeasured;

    /// <summary>Whether it was judged to have no effect that can be measured, and the scrubbers count nothing that it dropped: whatever became of the attack, it was not by this.</summary>
    public bool DroppedNothing => this is
    {
        Kind: CountermeasureKind.Scrubbing, Announced.IsEmpty: false, Effect: { Verdict: EffectRules.Unmeasured, DroppedBytes: 0 },
    };

    /// <summary>Scrubbers say that they help while they drop; of a route it is said when little arrives, which may have stopped by itself.</summary>
    public DateTimeOffset? RelievedBy(EffectMeasured measured) =>
        measured.Effect.Verdict is not EffectRules.Helped || Kind is not (CountermeasureKind.Blackhole or CountermeasureKind.FlowSpec) ? null
        : Effect is { Verdict: EffectRules.Unchanged } ? measured.MeasuredAt
        : RelievedAt;

    /// <summary>What of it is in the network goes on going; what never was is no part of what begins anew.</summary>
    public CountermeasureState BeforeANewBeginning(WithdrawalReason? reason) => Stage switch
    {
        CountermeasureStage.Wanted => this with { Stage = CountermeasureStage.Unwanted, DroppedFor = reason },
        CountermeasureStage.Proposed or CountermeasureStage.Rehearsed => this with { Stage = CountermeasureStage.Withdrawn },
        _ => this,
    };

    public static CountermeasureState New(CountermeasureStage stage, CountermeasureKind kind, IPNetwork prefix, TrafficRule? rule, int step) =>
        new(stage, kind, prefix, rule, [], [], step);
}
