using Platform.EventStore;

namespace Platform.Reporting.Incidents;

internal static class IncidentRejections
{
    public static Rejection NotFound { get; } = new(
        RejectionKind.NotFound,
        "incident-not-found",
        "There is no such incident.",
        "It never was, is another customer's, is older than 90 days, or was erased after the end of its contract.");

    public static Rejection PageSizeOutOfRange(int pageSize) => new(
        RejectionKind.Invalid,
        "page-size-out-of-range",
        "The page size is out of range.",
        $"{pageSize} is not from 1 to {ListIncidents.GreatestPageSize}; 0 stands for {ListIncidents.DefaultPageSize}.");

    public static Rejection PageTokenInvalid { get; } = new(
        RejectionKind.Invalid,
        "page-token-invalid",
        "The page token was not given out here.",
        "Ask for the first page without a token, and for the next one with the token of the answer.");
}
