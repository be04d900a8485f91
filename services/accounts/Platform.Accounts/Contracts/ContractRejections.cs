using Platform.EventStore;

namespace Platform.Accounts.Contracts;

internal static class ContractRejections
{
    public static Rejection IdInvalid() => new(
        RejectionKind.Invalid, "contract-id-invalid", "The contract's id is not a UUID.", "Leave contract_id empty or give UUID text.");

    public static Rejection NotFound() => new(
        RejectionKind.NotFound, "contract-not-found", "There is no such contract.", "Check the service code.");

    public static Rejection ServiceUnknown(string service) => new(
        RejectionKind.Invalid, "service-unknown", "This service is not offered.", $"'{service}' is not offered; order one of: ddos.");

    public static Rejection BandwidthMissing() => new(
        RejectionKind.Invalid, "declared-bandwidth-missing", "The contract declares no bandwidth.",
        "Declare the greatest bandwidth of the protected target in bits per second, above 0.");

    public static Rejection PrefixesMissing(int most) => new(
        RejectionKind.Invalid, "prefix-count-invalid", "The contract protects no prefix, or too many.", $"Give 1 to {most} prefixes.");

    public static Rejection PrefixInvalid(string prefix) => new(
        RejectionKind.Invalid, "prefix-invalid", "A prefix is not in canonical CIDR notation.",
        $"'{prefix}' is not canonical: write for example 203.0.113.0/24 or 2001:db8::/48, with no host bit set.");

    public static Rejection PrefixTooWide(string prefix, int ipv4, int ipv6) => new(
        RejectionKind.Invalid, "prefix-too-wide", "A prefix is wider than may be protected.",
        $"{prefix} is wider than /{ipv4} (IPv4) or /{ipv6} (IPv6).");

    public static Rejection PrefixNotRoutable(string prefix, string range) => new(
        RejectionKind.Invalid, "prefix-not-routable", "A prefix is not unicast address space of a network.", $"{prefix} lies in {range}.");

    public static Rejection PrefixesOverlap(string one, string other) => new(
        RejectionKind.Invalid, "prefixes-overlap", "Two prefixes of the contract overlap.", $"{one} and {other} overlap; give the wider one alone.");

    public static Rejection PrefixTaken(string prefix) => new(
        RejectionKind.Conflict, "prefix-taken", "A prefix is already protected under another contract.",
        $"{prefix} overlaps a prefix of another contract in force.");

    public static Rejection AlreadySigned() => new(
        RejectionKind.Conflict, "contract-already-signed", "A contract with this id exists with other content.",
        "Change that contract, or sign under a new id.");

    public static Rejection Terminated(DateTimeOffset at) => new(
        RejectionKind.Conflict, "contract-terminated", "The contract has ended.", $"It ended at {at:O}; sign a new one.");

    public static Rejection LabelInvalid(int longest) => new(
        RejectionKind.Invalid, "label-invalid", "The label is too long or holds control characters.", $"Give at most {longest} characters.");
}
