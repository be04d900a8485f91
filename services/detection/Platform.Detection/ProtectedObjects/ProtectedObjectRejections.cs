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

    public static Rejection ReasonInvalid { get; } = new(
        RejectionKind.Invalid,
        "reason-invalid",
        "A change needs a reason that can be kept.",
        "Give a reason of 1 to 200 characters.");
}
