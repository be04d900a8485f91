using Platform.EventStore;

namespace Platform.Accounts.Tenants;

internal static class TenantRejections
{
    public static Rejection NameInvalid(int longest) => new(
        RejectionKind.Invalid, "tenant-name-invalid", "The tenant's name is empty or too long.", $"Give a name of 1 to {longest} characters.");

    public static Rejection IdInvalid() => new(
        RejectionKind.Invalid, "tenant-id-invalid", "The tenant's id is not a UUID.", "Leave tenant_id empty or give UUID text.");

    // The same code as the shared caller check gives: nobody learns whether the tenant exists.
    public static Rejection NotFound() => new(
        RejectionKind.NotFound, "tenant-not-found", "There is no such tenant.", "Name a tenant that you may act for.");
}
