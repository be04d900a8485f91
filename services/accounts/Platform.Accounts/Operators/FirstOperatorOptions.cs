using System.ComponentModel.DataAnnotations;

namespace Platform.Accounts.Operators;

/// <summary>
/// The provider operator that an empty installation starts with. Bound from the <c>Accounts:FirstOperator</c> section; has no effect once a
/// provider operator exists.
/// </summary>
internal sealed class FirstOperatorOptions : IValidatableObject
{
    public const string Section = "Accounts:FirstOperator";

    /// <summary>Login name and mail address. Unset: none is registered.</summary>
    [StringLength(254)]
    public string? Email { get; init; }

    /// <summary>First password, 12 to 200 characters; from a secret.</summary>
    public string? Password { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Email is { Length: > 0 } && Password is not { Length: >= OperatorAccounts.ShortestPassword and <= OperatorAccounts.LongestPassword })
        {
            yield return new(
                $"must have {OperatorAccounts.ShortestPassword} to {OperatorAccounts.LongestPassword} characters when Email is set.",
                [nameof(Password)]);
        }
    }
}
