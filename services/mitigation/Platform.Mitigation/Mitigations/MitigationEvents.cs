using System.Net;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>What can have happened to one mitigation: the whole defence against one anomaly.</summary>
internal abstract record MitigationEvent;

/// <summary>Defence was decided.</summary>
/// <param name="MitigationId">Identity of the mitigation, derived from the anomaly.</param>
/// <param name="AnomalyId">The anomaly it answers.</param>
/// <param name="ServiceCode">Contract that owns the target; kept here so that erasure finds the stream.</param>
/// <param name="Target">Attacked prefix.</param>
/// <param name="ExpiresAt">No countermeasure stands longer than this, whatever else is lost (UTC).</param>
/// <param name="StartedAt">When it was decided (UTC).</param>
/// <param name="Evidence">What detection saw; null in older events, and by hand.</param>
/// <param name="Mode">Whether a person has to agree first.</param>
/// <param name="Note">What the operator wrote who started it by hand; null when the rules did.</param>
/// <param name="Step">Index of the policy's step that it begins with.</param>
/// <param name="ObjectId">The protected object; null in older events, and by hand.</param>
/// <param name="OrderId">The order that it stands for always; null when it is a defence.</param>
/// <param name="Against">By hand: the anomaly that went on at its target; null: none, and in older events.</param>
internal sealed record MitigationStarted(
    Guid MitigationId,
    Guid AnomalyId,
    [property: SealScope] string ServiceCode,
    IPNetwork Target,
    DateTimeOffset ExpiresAt,
    DateTimeOffset StartedAt,
    IReadOnlyList<VectorEvidence>? Evidence = null,
    EnforcementMode Mode = EnforcementMode.Automatic,
    [property: Sealed] string? Note = null,
    int Step = 0,
    Guid? ObjectId = null,
    Guid? OrderId = null,
    Guid? Against = null) : MitigationEvent;

/// <summary>The network shall hold this. From here on the reconciler works until it does.</summary>
/// <param name="CountermeasureId">Identity of the countermeasure, derived from mitigation, kind and prefix or rule.</param>
/// <param name="Kind">What is done with the traffic.</param>
/// <param name="Prefix">Prefix that is announced.</param>
/// <param name="RequestedAt">When it was decided (UTC).</param>
/// <param name="Rule">Which packets; null when all of the prefix are meant.</param>
/// <param name="Pool">Scrubbing pool that the traffic goes to for as long as it stands; null: the speaker's own.</param>
/// <param name="ByHand">Whether a person added it to what the rules do, who alone takes it out again while the attack goes on.</param>
internal sealed record CountermeasureRequested(
    Guid CountermeasureId,
    CountermeasureKind Kind,
    IPNetwork Prefix,
    DateTimeOffset RequestedAt,
    TrafficRule? Rule = null,
    string? Pool = null,
    bool ByHand = false) : MitigationEvent;

/// <summary>The network would hold this if an operator agreed.</summary>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Kind">What would be done with the traffic.</param>
/// <param name="Prefix">Prefix that would be announced.</param>
/// <param name="Rule">Which packets; null when all of the prefix are meant.</param>
/// <param name="ProposedAt">When it was decided (UTC).</param>
/// <param name="Scope">Which mitigation and contract it belongs to; null in older events.</param>
internal sealed record CountermeasureProposed(
    Guid CountermeasureId,
    CountermeasureKind Kind,
    IPNetwork Prefix,
    TrafficRule? Rule,
    DateTimeOffset ProposedAt,
    MitigationScope? Scope = null) : MitigationEvent;

/// <summary>Dry run: the network would hold this, and does not.</summary>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Kind">What would be done with the traffic.</param>
/// <param name="Prefix">Prefix that would be announced.</param>
/// <param name="Rule">Which packets; null when all of the prefix are meant.</param>
/// <param name="RehearsedAt">When it was decided (UTC).</param>
internal sealed record CountermeasureRehearsed(
    Guid CountermeasureId,
    CountermeasureKind Kind,
    IPNetwork Prefix,
    TrafficRule? Rule,
    DateTimeOffset RehearsedAt) : MitigationEvent;

/// <summary>An operator agreed to what was proposed.</summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="Note">What the operator wrote.</param>
/// <param name="ApprovedAt">When (UTC).</param>
internal sealed record MitigationApproved(
    [property: SealScope] string ServiceCode, [property: Sealed] string Note, DateTimeOffset ApprovedAt) : MitigationEvent;

/// <summary>An operator added what follows.</summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="Note">What the operator wrote.</param>
/// <param name="AddedAt">When (UTC).</param>
internal sealed record CountermeasuresAdded(
    [property: SealScope] string ServiceCode, [property: Sealed] string Note, DateTimeOffset AddedAt) : MitigationEvent;

/// <summary>The defence is at this step of its policy from now on.</summary>
/// <param name="Step">Index of the step.</param>
/// <param name="Why">Why the step before was left.</param>
/// <param name="TakenAt">When (UTC).</param>
/// <param name="InsteadOf">Step whose scrubbers are gone and that is taken again when there are some; null: none.</param>
internal sealed record StepTaken(int Step, string Why, DateTimeOffset TakenAt, int? InsteadOf = null) : MitigationEvent;

/// <summary>A safety rail refused the step that would follow: what stands does not help, or nothing stands, and nothing comes after it for now.</summary>
/// <param name="Scope">Which mitigation and contract it is.</param>
/// <param name="Step">Index of the step that was refused.</param>
/// <param name="Code">Stable code of the refusal; said once until a step is taken.</param>
/// <param name="Detail">One sentence for a person.</param>
/// <param name="RefusedAt">When (UTC).</param>
internal sealed record StepRefused(MitigationScope Scope, int Step, string Code, string Detail, DateTimeOffset RefusedAt) : MitigationEvent;

/// <summary>The anomaly is over and its hold has passed: what the last step added goes, what is narrower is held once more.</summary>
/// <param name="Step">Index of the step that it is at from now on.</param>
/// <param name="HeldUntil">End of the new hold (UTC).</param>
/// <param name="TakenAt">When (UTC).</param>
internal sealed record SteppedBack(int Step, DateTimeOffset HeldUntil, DateTimeOffset TakenAt) : MitigationEvent;

/// <summary>Detection saw more vectors, or greater ones.</summary>
/// <param name="Evidence">All of what it sees now.</param>
/// <param name="SeenAt">When it was heard (UTC).</param>
/// <param name="Unanswered">Vectors whose answer was refused; it is asked for again where that may pass. Null: none.</param>
/// <param name="RefusedFor">Stable code of the refusal; null: there is none.</param>
internal sealed record EvidenceGrew(
    IReadOnlyList<VectorEvidence> Evidence, DateTimeOffset SeenAt, IReadOnlyList<string>? Unanswered = null, string? RefusedFor = null) : MitigationEvent;

/// <summary>An operator moved the expiry, or the attack goes on.</summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="ExpiresAt">No countermeasure stands longer than this (UTC).</param>
/// <param name="Note">What the operator wrote, or what was seen of the attack.</param>
/// <param name="ExtendedAt">When (UTC).</param>
/// <param name="ByRule">Whether nobody asked for it. What an operator says stays: it is not moved by the rules again.</param>
internal sealed record MitigationExtended(
    [property: SealScope] string ServiceCode,
    DateTimeOffset ExpiresAt,
    [property: Sealed] string Note,
    DateTimeOffset ExtendedAt,
    bool ByRule = false) : MitigationEvent;

/// <summary>The network shall no longer hold this one countermeasure; the others stay.</summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Note">Why: what an operator wrote, or which rule decided.</param>
/// <param name="DroppedAt">When it was decided (UTC).</param>
/// <param name="Reason">What kind of reason that is.</param>
internal sealed record CountermeasureDropped(
    [property: SealScope] string ServiceCode,
    Guid CountermeasureId,
    [property: Sealed] string Note,
    DateTimeOffset DroppedAt,
    WithdrawalReason Reason = WithdrawalReason.Operator) : MitigationEvent;

/// <summary>
/// No scrubber of a pool was heard for too long: what is diverted there would be lost, or pass unfiltered. It is asked for at another pool, or dropped.
/// </summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="Pool">The pool; null: none in particular.</param>
/// <param name="MovedTo">Pool with room that takes it over; null: there is none.</param>
/// <param name="Why">In words.</param>
/// <param name="LostAt">When it was decided (UTC).</param>
internal sealed record ScrubbersLost(string ServiceCode, string? Pool, string? MovedTo, string Why, DateTimeOffset LostAt) : MitigationEvent;

/// <summary>What a countermeasure did to the traffic, measured over the time that it was in force so far.</summary>
/// <param name="Scope">Which mitigation and contract it belongs to.</param>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Effect">The figures.</param>
/// <param name="MeasuredAt">When (UTC).</param>
/// <param name="IsFinal">Whether it is the last word: the countermeasure goes, or is gone.</param>
internal sealed record EffectMeasured(
    MitigationScope Scope, Guid CountermeasureId, MeasuredEffect Effect, DateTimeOffset MeasuredAt, bool IsFinal = false) : MitigationEvent;

/// <summary>One speaker holds the route: it was asked, and the route was read back from it.</summary>
/// <param name="Scope">Which mitigation and contract it belongs to.</param>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Kind">What is done with the traffic.</param>
/// <param name="Route">What is announced, for example <c>203.0.113.10/32 community 65535:666</c>.</param>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="AnnouncedAt">When it was read back (UTC).</param>
/// <param name="IsAllowance">Whether it only lets through, and stops nothing; false in older events.</param>
internal sealed record CountermeasureAnnounced(
    MitigationScope Scope,
    Guid CountermeasureId,
    CountermeasureKind Kind,
    string Route,
    string Speaker,
    DateTimeOffset AnnouncedAt,
    bool IsAllowance = false) : MitigationEvent;

/// <summary>The anomaly is over; withdrawal waits until the hold has passed, because attacks come back.</summary>
/// <param name="MitigationId">See <see cref="MitigationStarted"/>.</param>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>; this event can be the first of its stream.</param>
/// <param name="AnomalyId">The anomaly that ended.</param>
/// <param name="HeldUntil">End of the hold (UTC).</param>
/// <param name="EndedAt">When detection recognised the end (UTC).</param>
/// <param name="Until">When the attack was seen last (UTC); null: not known, and in older events.</param>
internal sealed record AnomalyEndNoted(
    Guid MitigationId,
    string ServiceCode,
    Guid AnomalyId,
    DateTimeOffset HeldUntil,
    DateTimeOffset EndedAt,
    DateTimeOffset? Until = null) : MitigationEvent;

/// <summary>
/// Detection hears no telemetry any more: nobody knows whether the attack is over. What stands goes on standing, until it expires or is seen to be quiet.
/// </summary>
/// <param name="LostAt">When detection gave up (UTC).</param>
internal sealed record AnomalySightLost(DateTimeOffset LostAt) : MitigationEvent;

/// <summary>The network shall no longer hold the countermeasures of this mitigation.</summary>
/// <param name="ServiceCode">See <see cref="MitigationStarted"/>.</param>
/// <param name="Reason">Why.</param>
/// <param name="Note">What an operator wrote; null when the rules withdrew.</param>
/// <param name="RequestedAt">When it was decided (UTC).</param>
internal sealed record WithdrawalRequested(
    [property: SealScope] string ServiceCode, WithdrawalReason Reason, [property: Sealed] string? Note, DateTimeOffset RequestedAt)
    : MitigationEvent;

/// <summary>One of several speakers was read and no longer holds the route.</summary>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="ClearedAt">When it was read (UTC).</param>
internal sealed record CountermeasureCleared(Guid CountermeasureId, string Speaker, DateTimeOffset ClearedAt) : MitigationEvent;

/// <summary>No speaker holds the route any more.</summary>
/// <param name="Scope">Which mitigation and contract it belongs to.</param>
/// <param name="CountermeasureId">See <see cref="CountermeasureRequested"/>.</param>
/// <param name="Reason">Why it was withdrawn.</param>
/// <param name="WithdrawnAt">When the last speaker was read without it (UTC).</param>
internal sealed record CountermeasureWithdrawn(
    MitigationScope Scope,
    Guid CountermeasureId,
    WithdrawalReason Reason,
    DateTimeOffset WithdrawnAt) : MitigationEvent;

/// <summary>Nothing of the defence is in the network any more.</summary>
/// <param name="Scope">Which mitigation and contract it was.</param>
/// <param name="Defended">
/// Whether a countermeasure that does more than let through came into force of which the last word is not that it did not help. In older events: whether
/// any came into force.
/// </param>
/// <param name="EndedAt">When it ended (UTC).</param>
/// <param name="NotHelped">Whether some came into force, and of each the last word is that it did not help; false in older events.</param>
internal sealed record MitigationEnded(MitigationScope Scope, bool Defended, DateTimeOffset EndedAt, bool NotHelped = false) : MitigationEvent;

/// <summary>A safety rail refused the defence; an operator has to look.</summary>
/// <param name="Scope">Which mitigation and contract it was.</param>
/// <param name="Target">Attacked prefix as reported, also when it is no prefix at all.</param>
/// <param name="Code">Stable code of the refusal.</param>
/// <param name="Detail">One sentence for a person.</param>
/// <param name="FailedAt">When it was refused (UTC).</param>
/// <param name="Evidence">What detection saw, so that it can be asked again when there is room; null in older events.</param>
/// <param name="ObjectId">The protected object; null in older events.</param>
internal sealed record MitigationFailed(
    MitigationScope Scope,
    string Target,
    string Code,
    string Detail,
    DateTimeOffset FailedAt,
    IReadOnlyList<VectorEvidence>? Evidence = null,
    Guid? ObjectId = null) : MitigationEvent;

/// <summary>What every fact to the outside must name, so that a reader needs no earlier event.</summary>
/// <param name="MitigationId">Which.</param>
/// <param name="AnomalyId">The anomaly whose rules began it; empty: by hand, or by order.</param>
/// <param name="ServiceCode">The contract.</param>
/// <param name="Against">By hand: the anomaly that went on at its target, whose incident it belongs to; null: none.</param>
internal sealed record MitigationScope(Guid MitigationId, Guid AnomalyId, string ServiceCode, Guid? Against = null);

/// <summary>Stored as numbers: never renumber.</summary>
internal enum CountermeasureKind
{
    /// <summary>Remotely triggered blackhole of a host (RFC 5635, RFC 7999).</summary>
    Blackhole = 1,

    /// <summary>A filter rule in the routers (RFC 8955, RFC 8956).</summary>
    FlowSpec = 2,

    /// <summary>A more specific route to a scrubber.</summary>
    Diversion = 3,

    /// <summary>A filter in the scrubbers.</summary>
    Scrubbing = 4,
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum WithdrawalReason
{
    /// <summary>The anomaly ended and the hold has passed.</summary>
    AnomalyEnded = 1,

    /// <summary>An operator stopped it.</summary>
    Operator = 2,

    /// <summary>The contract ended.</summary>
    ContractEnded = 3,

    /// <summary>It stood as long as any may.</summary>
    Expired = 4,

    /// <summary>The kill switch was engaged.</summary>
    KillSwitch = 5,

    /// <summary>Nobody was left who would filter what it leads to.</summary>
    ScrubbersGone = 6,

    /// <summary>It stood in the stead of scrubbers that are there again.</summary>
    ScrubbersBack = 7,

    /// <summary>A dry run began.</summary>
    DryRun = 8,

    /// <summary>The safety rails would not let it out any more.</summary>
    Rails = 9,
}

/// <summary>Figures of one countermeasure.</summary>
/// <param name="BeforeBitsPerSecond">Traffic to the target before it stood.</param>
/// <param name="DuringBitsPerSecond">Traffic to the target while it stands, latest measurement; null when nothing was measured.</param>
/// <param name="DroppedPackets">Packets discarded by it so far; null when its means does not count.</param>
/// <param name="DroppedBytes">Bytes discarded by it so far; null when its means does not count.</param>
/// <param name="PassedPackets">Packets to the target that passed so far; null when its means does not count.</param>
/// <param name="PassedBytes">Bytes to the target that passed so far; null when its means does not count.</param>
/// <param name="Verdict"><c>helped</c>, <c>unchanged</c>, <c>not-seen</c> (the attack goes on and does not pass where it should) or <c>unmeasured</c>.</param>
/// <param name="AfterBitsPerSecond">Traffic to the target after it went; null when nothing was measured.</param>
/// <param name="Words">The verdict as a sentence; null in older events.</param>
internal sealed record MeasuredEffect(
    long BeforeBitsPerSecond,
    long? DuringBitsPerSecond,
    long? DroppedPackets,
    long? DroppedBytes,
    long? PassedPackets,
    long? PassedBytes,
    string Verdict,
    long? AfterBitsPerSecond = null,
    string? Words = null);
