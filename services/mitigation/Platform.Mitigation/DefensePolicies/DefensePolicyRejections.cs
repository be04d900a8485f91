using System.Net;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.DefensePolicies;

/// <summary>Every expected "no" to a policy.</summary>
internal static class DefensePolicyRejections
{
    public static Rejection StepsOutOfRange { get; } = new(
        RejectionKind.Invalid, "policy-steps-out-of-range", "A policy needs 1 to 10 steps.", "Name 1 to 10 steps.");

    public static Rejection PatienceOutOfRange { get; } = new(
        RejectionKind.Invalid, "policy-patience-out-of-range", "The patience of a step is out of range.", "It must be 1 second to 1 hour.");

    public static Rejection AllowedSourcesOutOfRange { get; } = new(
        RejectionKind.Invalid,
        "policy-allowed-sources-out-of-range",
        "The allowed sources are out of range.",
        $"Name at most {SafetyRails.MostAllowed} prefixes.");

    public static Rejection ObjectMalformed(string objectId) => new(
        RejectionKind.Invalid, "policy-object-malformed", "The protected object is not an id.", $"'{objectId}' is not the UUID of an object.");

    public static Rejection AllowedSourceTooWide(IPNetwork source) => new(
        RejectionKind.Invalid,
        "policy-allowed-source-too-wide",
        "An allowed source is too wide.",
        $"{source} is wider than /{SafetyRails.WidestAllowedIPv4} (IPv4) or /{SafetyRails.WidestAllowedIPv6} (IPv6), or no address of the Internet: it would let the attack through.");
}
