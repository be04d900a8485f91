using System.Net;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

/// <summary>Every expected "no". The safety rails become the code of a <see cref="MitigationFailed"/>.</summary>
internal static class MitigationRejections
{
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

    public static Rejection ReasonMissing { get; } = new(
        RejectionKind.Invalid,
        "reason-missing",
        "A withdrawal by hand needs a reason.",
        "Give a reason of 1 to 200 characters.");

    public static Rejection TargetMalformed(string target) => new(
        RejectionKind.Invalid,
        "target-malformed",
        "The target is not a prefix.",
        $"'{target}' is not a prefix in CIDR notation without host bits.");

    public static Rejection TargetTooWide(IPNetwork target) => new(
        RejectionKind.Forbidden,
        "target-too-wide",
        "The target is wider than anything that may be announced.",
        $"{target} is wider than /24 (IPv4) or /48 (IPv6).");

    public static Rejection BlackholeOfMoreThanAHost(IPNetwork target) => new(
        RejectionKind.Forbidden,
        "blackhole-wider-than-host",
        "A blackhole is for one host only.",
        $"{target} is more than one host; a blackhole would take its neighbours down too.");

    public static Rejection ContractEnded(string serviceCode) => new(
        RejectionKind.Conflict,
        "contract-ended",
        "The contract has ended.",
        $"{serviceCode} was terminated; nothing is announced for it any more.");

    public static Rejection TargetOutsidePrefixes(IPNetwork target, string serviceCode) => new(
        RejectionKind.Forbidden,
        "target-outside-prefixes",
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
