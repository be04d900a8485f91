using System.Globalization;
using Platform.EventStore;

namespace Platform.Retention.Erasures;

internal static class ErasureRejections
{
    public static Rejection Unknown { get; } = new(
        RejectionKind.NotFound, "erasure-not-found", "There is no such erasure.", "No ended contract has led to it.");

    public static Rejection NotDue(DateTimeOffset dueAt) => new(
        RejectionKind.Conflict,
        "erasure-not-due",
        "The term has not come.",
        string.Create(CultureInfo.InvariantCulture, $"The data stays until {dueAt:O}."));

    public static Rejection NotRequested(string owner) => new(
        RejectionKind.Conflict,
        "erasure-not-requested",
        "Nobody was asked to erase yet.",
        $"An answer of '{owner}' from before the request proves nothing about what it wrote since."
            + " It is asked when the term comes.");

    public static Rejection OwnerNotAsked(string owner) => new(
        RejectionKind.Invalid,
        "owner-not-asked",
        "This owner was not asked.",
        $"'{owner}' is not among the owners of this erasure. Is it missing in the setting Erasures:Owners?");
}
