using Platform.EventStore;

namespace Platform.Detection.SecurityEvents;

/// <summary>Every expected "no" about security events.</summary>
internal static class SecurityEventRejections
{
    public static Rejection SeverityUnknown(string name) => new(
        RejectionKind.Invalid,
        "severity-unknown",
        "There is no such severity.",
        $"'{name}' is none of info, low, medium, high, critical.");
}
