using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Platform.Hosting;

/// <summary>Data annotations, with a message that names the setting, the value found and what is allowed.</summary>
internal sealed class SettingsValidator<T>(string section) : IValidateOptions<T>
    where T : class
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        var results = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true))
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(results.Select(result => Describe(options, result)));
    }

    private string Describe(T options, ValidationResult result)
    {
        var member = result.MemberNames.FirstOrDefault();
        if (member is null)
        {
            return $"{section}: {result.ErrorMessage}";
        }

        // A secret never reaches the log, not even a wrong one.
        var secret = section == PostgresOptions.Section || member.Contains("Password", StringComparison.Ordinal);
        var value = secret ? "(hidden)" : typeof(T).GetProperty(member)?.GetValue(options)?.ToString() ?? "(not set)";
        return $"{section}:{member} = {value}: {result.ErrorMessage}";
    }
}
