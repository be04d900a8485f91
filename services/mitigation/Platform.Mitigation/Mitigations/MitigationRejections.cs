using System.Net;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>Every expected "no". The safety rails become the code of a <see cref="MitigationFailed"/>.</summary>
internal static class MitigationRejections
{
    private const string StepUnfit = "no-step-fits";
    private const string Outside = "target-outside-prefixes";
    private const string Away = "scrubbers-away";

    public static Rejection TenantCapReached { get; } = new(
        RejectionKind.Conflict,
        "tenant-cap-reached",
        "The tenant holds as many countermeasures as it may.",
        "Withdraw one that is no longer needed, or raise Mitigations:MaxCountermeasuresPerTenant.");

    public static Rejection TotalCapReached { get; } = new(
        RejectionKind.Conflict,
        "total-cap-reached",
        "All tenants together hold as many countermeasures as they may.",
        "Withdraw some that are no longer needed, or raise Mitigations:MaxCountermeasures.");

    public static Rejection TenantRulesCapReached { get; } = new(
        RejectionKind.Conflict,
        "tenant-rules-cap-reached",
        "With what lets allowed sources through, the tenant holds as many rules as it may.",
        "Withdraw what is no longer needed, allow fewer sources, or raise Mitigations:MaxRulesPerTenant.");

    public static Rejection TotalRulesCapReached { get; } = new(
        RejectionKind.Conflict,
        "total-rules-cap-reached",
        "With what lets allowed sources through, all tenants together hold as many rules as they may.",
        "Withdraw what is no longer needed, allow fewer sources, or raise Mitigations:MaxRules.");

    public static Rejection StandingCapReached { get; } = new(
        RejectionKind.Conflict,
        "standing-cap-reached",
        "All contracts together have as many standing diversions as they may.",
        "Cancel always-on where it is no longer needed, or raise Mitigations:MaxStandingDiversions.");

    public static Rejection KillSwitchIsEngaged { get; } = new(
        RejectionKind.Conflict,
        "kill-switch-engaged",
        "The kill switch is engaged.",
        "Nothing is put into the network until it is released.");

    public static Rejection DryRunIsOn { get; } = new(
        RejectionKind.Conflict,
        "dry-run",
        "It is a dry run.",
        "Nothing is put into the network while Mitigations:DryRun or the object's policy says so.");

    public static Rejection NoSynProxy { get; } = new(
        RejectionKind.Conflict,
        "no-syn-proxy",
        "The scrubbers cannot answer for a victim.",
        "Every agent's kernel has to be able to, and Scrubbers:Pools:N:Return:BothDirections to say that answers pass them too.");

    public static Rejection CapacityExceeded { get; } = new(
        RejectionKind.Conflict,
        "capacity-exceeded",
        "The scrubbers have no room for that bandwidth.",
        "What the contract declared fits into no pool. Declare less, or add capacity: Scrubbers:Pools.");

    public static Rejection ScrubbersAway(string? pool) => new(
        RejectionKind.Conflict,
        Away,
        "None of the scrubbers is there.",
        $"No scrubber{(pool is null ? "" : $" of {pool}")} was heard a moment ago: what is led to them would be lost. It can be asked again when one is there.");

    public static Rejection NothingProposed { get; } = new(
        RejectionKind.Conflict,
        "nothing-proposed",
        "Nothing waits for approval.",
        "It was approved, withdrawn, or never needed it.");

    public static Rejection ReasonMissing { get; } = new(
        RejectionKind.Invalid,
        "reason-missing",
        "What is done by hand needs a reason.",
        "Give a reason of 1 to 200 characters.");

    /// <summary>
    /// Whether the same anomaly may be defended later: it can grow graver, others give room back, scrubbers return, that a contract gained the prefix may be
    /// heard later, and who releases the kill switch expects the defence of what goes on.
    /// </summary>
    public static bool MayPass(string code) => Passing.Contains(code);

    private static string[] Caps => [TenantCapReached.Code, TotalCapReached.Code, TenantRulesCapReached.Code, TotalRulesCapReached.Code];

    public static string[] Passing { get; } = [StepUnfit, .. Caps, CapacityExceeded.Code, Away, Outside, KillSwitchIsEngaged.Code];

    /// <summary>Whether a refusal is the one that was said last. Which of the caps leaves no room can change with each question.</summary>
    public static bool IsSaid(string code, string? said) =>
        code == said || (said is not null && new[] { code, said }.All(Caps.Contains));

    public static Rejection TooManyAtOnce(int count) => new(
        RejectionKind.Invalid,
        "too-many-countermeasures",
        "It would become too many countermeasures at once.",
        $"With what lets allowed sources through these are {count}; at most {SafetyRails.MostAtOnce} may be. Ask for fewer, or allow fewer sources.");

    public static Rejection TargetMalformed(string target) => new(
        RejectionKind.Invalid,
        "target-malformed",
        "The target is not a prefix.",
        $"'{target}' is not a prefix in CIDR notation without host bits.");

    public static Rejection TargetTooWide(IPNetwork target, int widest) => new(
        RejectionKind.Forbidden,
        "target-too-wide",
        "The target is wider than anything that may be announced.",
        $"{target} is wider than /{widest}.");

    public static Rejection TargetIsInfrastructure(IPNetwork target) => new(
        RejectionKind.Forbidden,
        "target-is-infrastructure",
        "The target holds protected infrastructure.",
        $"{target} overlaps a prefix of Mitigations:ProtectedInfrastructure.");

    public static Rejection RuleElsewhere(TrafficRule rule, IPNetwork prefix) => new(
        RejectionKind.Forbidden,
        "rule-elsewhere",
        "The rule is about traffic to somebody else.",
        $"'{rule}' is not about traffic to {prefix}.");

    public static Rejection RuleTooBroad(TrafficRule rule) => new(
        RejectionKind.Forbidden,
        "rule-too-broad",
        "The rule says nothing about the packets.",
        $"'{rule}' would hit all traffic of its target.");

    public static Rejection RuleMalformed(string fault) => new(
        RejectionKind.Invalid,
        "rule-malformed",
        "The rule cannot be.",
        $"The rule cannot be: {fault}");

    public static Rejection SourceAllowListed(IPNetwork source) => new(
        RejectionKind.Forbidden,
        "source-allow-listed",
        "The rule names a source that is allowed always.",
        $"{source} overlaps an allowed source.");

    public static Rejection NoStepFits(string serviceCode) => new(
        RejectionKind.Conflict,
        StepUnfit,
        "No step of the policy can be taken.",
        $"The policy for {serviceCode} holds no step that this network can take against this attack.");

    public static Rejection AttackGoesOut(string target) => new(
        RejectionKind.Conflict,
        "attack-goes-out",
        "The attack comes from the protected address.",
        $"Traffic from {target} is the attack; routes and rules against traffic towards it would hit its owner only. Somebody has to speak with him.");

    public static Rejection NothingDiverts(IPNetwork prefix) => new(
        RejectionKind.Conflict,
        "nothing-diverts",
        "No speaker diverts to a scrubber.",
        $"No speaker has a next hop of {prefix}'s family that it could be diverted to: nothing would ever hold the route.");

    public static Rejection NoWayBack(IPNetwork prefix) => new(
        RejectionKind.Conflict,
        "no-way-back",
        "Cleaned traffic would not find its way back.",
        $"The way back of the scrubbing pool has neither an interface nor a next hop of {prefix}'s family: what is diverted there would be lost.");

    public static Rejection CountermeasureUnknown(Guid countermeasureId) => new(
        RejectionKind.NotFound,
        "countermeasure-not-found",
        "There is no such countermeasure.",
        $"No countermeasure {countermeasureId} of this mitigation.");

    public static Rejection NotStanding(Guid mitigationId) => new(
        RejectionKind.Conflict,
        "mitigation-not-standing",
        "The mitigation does not stand any more.",
        $"Mitigation {mitigationId} is being withdrawn or has ended.");

    public static Rejection ExpiryOutOfRange(TimeSpan maximum) => new(
        RejectionKind.Invalid,
        "expiry-out-of-range",
        "The expiry is out of range.",
        $"It must be in the future and at most {maximum} from now.");

    public static Rejection StandsTooLong(DateTimeOffset until) => new(
        RejectionKind.Conflict,
        "mitigation-stands-too-long",
        "No mitigation stands that long, however often it is extended.",
        $"It may stand until {until:O} (Mitigations:LongestStanding). What shall stand for good is always-on, an option of the contract.");

    public static Rejection StandsForOrder(Guid mitigationId) => new(
        RejectionKind.Conflict,
        "mitigation-stands-always",
        "The mitigation stands for an always-on order, and has no end of its own.",
        $"Nothing is added to {mitigationId}, taken out of it, extended or withdrawn by hand: it goes with the always-on option of its contract. For more start "
        + "another mitigation, which ends by itself.");

    public static Rejection BlackholeOfMoreThanAHost(IPNetwork target) => new(
        RejectionKind.Forbidden,
        "blackhole-wider-than-host",
        "A blackhole is for one host only.",
        $"{target} is more than one host; a blackhole would take its neighbours down too.");

    public static Rejection ContractUnknown(string serviceCode) => new(
        RejectionKind.NotFound,
        "contract-not-found",
        "There is no such contract.",
        $"No contract {serviceCode} of this tenant.");

    public static Rejection ContractEnded(string serviceCode) => new(
        RejectionKind.Conflict,
        "contract-ended",
        "The contract has ended.",
        $"{serviceCode} was terminated; nothing is announced for it any more.");

    public static Rejection TargetOutsidePrefixes(IPNetwork target, string serviceCode) => new(
        RejectionKind.Forbidden,
        Outside,
        "The target is not inside the tenant's own prefixes.",
        $"{target} is not inside a prefix of {serviceCode}.");

    public static Rejection Unknown(Guid mitigationId) => new(
        RejectionKind.NotFound,
        "mitigation-not-found",
        "There is no such mitigation.",
        $"No mitigation {mitigationId} of this tenant.");

    public static Rejection AnomalyStillOpen(Guid mitigationId) => new(
        RejectionKind.Conflict,
        "anomaly-still-open",
        "The anomaly has not ended.",
        $"Mitigation {mitigationId} stands until its anomaly ends, it expires, or an operator withdraws it.");

    public static Rejection StillHeld(DateTimeOffset heldUntil) => new(
        RejectionKind.Conflict,
        "mitigation-still-held",
        "The hold after the anomaly has not passed.",
        $"Held until {heldUntil:O}, because attacks come back.");

    public static Rejection NotExpired(DateTimeOffset expiresAt) => new(
        RejectionKind.Conflict,
        "mitigation-not-expired",
        "The mitigation has not expired.",
        $"It expires at {expiresAt:O}.");
}
