using System.Net;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Every expected "no" about protected objects.</summary>
internal static class ProtectedObjectRejections
{
    public static Rejection Unknown(Guid objectId) => new(
        RejectionKind.NotFound,
        "protected-object-not-found",
        "There is no such protected object.",
        $"No protected object {objectId} of this tenant.");

    public static Rejection Retired(Guid objectId) => new(
        RejectionKind.Conflict,
        "protected-object-retired",
        "The protected object is no longer watched.",
        $"Protected object {objectId} was retired with its contract; its thresholds cannot change any more.");

    public static Rejection ContractUnknown { get; } = new(
        RejectionKind.NotFound,
        "contract-not-found",
        "There is no such contract.",
        "Check the service code; a contract that was just signed is known a moment later.");

    public static Rejection DefaultStays { get; } = new(
        RejectionKind.Invalid,
        "default-object-stays",
        "The object 'default' has what no other object was given.",
        "Name an object for some of its prefixes instead.");

    public static Rejection NameInvalid(int longest) => new(
        RejectionKind.Invalid,
        "object-name-invalid",
        "An object needs a name that can be read.",
        $"Give 1 to {longest} characters, no control characters.");

    public static Rejection NameTaken(string name) => new(
        RejectionKind.Conflict,
        "object-name-taken",
        "Another object of the contract has this name.",
        $"'{name}' is in use in this contract.");

    public static Rejection PrefixInvalid(string text) => new(
        RejectionKind.Invalid,
        "prefix-invalid",
        "A prefix is not in canonical CIDR notation.",
        $"'{text}' is not canonical: write for example 203.0.113.0/24 or 2001:db8::/48, with no host bit set.");

    public static Rejection PrefixCountInvalid(int most) => new(
        RejectionKind.Invalid,
        "prefix-count-invalid",
        "An object has no prefix, too many, or one twice.",
        $"Give 1 to {most} different prefixes.");

    public static Rejection PrefixOutside(IPNetwork prefix) => new(
        RejectionKind.Invalid,
        "prefix-not-of-contract",
        "A prefix is not the contract's.",
        $"{prefix} is neither a prefix of the contract nor part of one.");

    public static Rejection PrefixGrouped(IPNetwork prefix, string name) => new(
        RejectionKind.Conflict,
        "prefix-in-another-object",
        "A prefix belongs to another object.",
        $"{prefix} belongs to '{name}'; take it out there first.");

    public static Rejection TooManyObjects(int most) => new(
        RejectionKind.Conflict,
        "too-many-objects",
        "The contract has as many objects as it may have.",
        $"A contract has at most {most} named objects.");

    public static Rejection ThresholdsInvalid(string fault) => new(
        RejectionKind.Invalid,
        "thresholds-invalid",
        "The thresholds break a rule.",
        fault);

    public static Rejection VectorUnknown(string name) => new(
        RejectionKind.Invalid,
        "vector-unknown",
        "There is no such vector.",
        $"'{name}' is none of {string.Join(", ", Enum.GetValues<TrafficVector>().Select(vector => vector.Name()))}.");

    public static Rejection LevelUnknown(string name) => new(
        RejectionKind.Invalid,
        "level-unknown",
        "There is no such level.",
        $"'{name}' is none of host, prefix, object.");

    public static Rejection DirectionUnknown(string name) => new(
        RejectionKind.Invalid,
        "direction-unknown",
        "There is no such direction.",
        $"'{name}' is neither in nor out.");

    public static Rejection ChangedMeanwhile(long expected, long actual) => new(
        RejectionKind.Conflict,
        "thresholds-changed-meanwhile",
        "Somebody else changed the object.",
        $"Version {expected} was expected, but it is {actual} now. Read it again, then decide again.");

    public static Rejection VersionUnknown(long version) => new(
        RejectionKind.NotFound,
        "version-not-found",
        "There is no such version.",
        $"The object has no version {version}.");

    public static Rejection ProfileUnknown(string name) => new(
        RejectionKind.Invalid,
        "profile-unknown",
        "There is no such profile.",
        $"'{name}' is none of {string.Join(", ", ThresholdProfiles.Names)}.");

    public static Rejection LearningInvalid(string fault) => new(
        RejectionKind.Invalid,
        "learning-invalid",
        "The learning settings break a rule.",
        fault);

    public static Rejection PeriodInvalid(string fault) => new(
        RejectionKind.Invalid,
        "relearning-period-invalid",
        "Nothing can be learned from this period.",
        fault);

    public static Rejection RelearningChanged { get; } = new(
        RejectionKind.Conflict,
        "relearning-changed-meanwhile",
        "The report would say something else now.",
        "What is proposed differs from the report that was seen. Read it again, then decide again.");

    public static Rejection TooManyFloors { get; } = new(
        RejectionKind.Conflict,
        "too-many-floors",
        "The object has as many floors out of false anomalies as it may have.",
        $"An object has at most {MarkedFloor.Most}; take one back, or set a threshold.");

    public static Rejection ReasonInvalid { get; } = new(
        RejectionKind.Invalid,
        "reason-invalid",
        "A change needs a reason that can be kept.",
        "Give a reason of 1 to 200 characters.");
}
