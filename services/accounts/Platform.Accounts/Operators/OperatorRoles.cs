namespace Platform.Accounts.Operators;

/// <summary>Roles by kind of tenant. No role is in both lists.</summary>
internal static class OperatorRoles
{
    public const string Administrator = "administrator";
    public const string ProviderOperator = "provider-operator";

    public static readonly IReadOnlyList<string> OfCustomers = [Administrator, "operator", "viewer"];
    public static readonly IReadOnlyList<string> OfProvider = [ProviderOperator, "provider-maintainer", "provider-auditor"];
}
