using Platform.EventStore;

namespace Platform.Accounts.Operators;

internal static class OperatorRejections
{
    public static Rejection RoleInvalid(string role, IEnumerable<string> allowed) => new(
        RejectionKind.Invalid, "role-invalid", "The tenant has no such role.", $"'{role}' is not one of: {string.Join(", ", allowed)}.");

    public static Rejection NotFound() => new(
        RejectionKind.NotFound, "operator-not-found", "There is no such operator.", "Check the operator's id.");

    public static Rejection LastAdministrator() => new(
        RejectionKind.Conflict, "last-administrator", "The last administrator cannot be deleted.",
        "Register another administrator first.");

    public static Rejection EmailInvalid() => new(
        RejectionKind.Invalid, "email-invalid", "This is not a mail address.", "Give a mail address of at most 254 characters.");

    public static Rejection EmailInUse() => new(
        RejectionKind.Conflict, "email-in-use", "An operator with this mail address exists.", "Mail addresses are unique in the installation.");

    public static Rejection DisplayNameInvalid() => new(
        RejectionKind.Invalid, "display-name-invalid", "The display name is empty or too long.", "Give 1 to 100 characters.");

    public static Rejection PasswordInvalid(int shortest, int longest) => new(
        RejectionKind.Invalid, "password-invalid", "The password is too short or too long.", $"Give {shortest} to {longest} characters.");
}
