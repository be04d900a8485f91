using Platform.EventStore;

namespace Platform.Retention.Residual;

internal static class ResidualRejections
{
    public static Rejection PurposeMissing { get; } = new(
        RejectionKind.Invalid,
        "residual-purpose-missing",
        "Residual data is read for a purpose.",
        $"Say why it is read, in 1 to {ResidualReadDecider.LongestPurpose} characters; it is recorded with the read.");

    public static Rejection PrefixInvalid { get; } = new(
        RejectionKind.Invalid,
        "prefix-invalid",
        "This is no prefix.",
        "Give an address or a prefix, such as 203.0.113.10 or 203.0.113.0/24.");
}
