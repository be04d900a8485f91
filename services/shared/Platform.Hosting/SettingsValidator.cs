using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Platform.Hosting;

/// <summary>Data annotations, with a message that names the setting, the value found and what is allowed.</summary>
internal sealed partial class SettingsValidator<T>(string section) : IValidateOptions<T>
    where T : class
{
    /// <summary>Reads the settings into the options; text where a number or a time belongs is refused like a value out of range.</summary>
    public static void Bind(IConfiguration settings, T options)
    {
        try
        {
            settings.Bind(options);
        }
        catch (InvalidOperationException unreadable)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(T), [Describe(unreadable.Message)]);
        }
    }

    public ValidateOptionsResult Validate(string? name, T options)
    {
        var results = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true))
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(results.Select(result => Describe(options, result)));
    }

    private static string Describe(string unreadable)
    {
        if (Unreadable().Match(unreadable) is not { Success: true } found)
        {
            return unreadable;
        }

        var (setting, value) = (found.Groups["setting"].Value, found.Groups["value"].Value);
        var member = setting.Split(':')[^1];
        var allowed = typeof(T).GetProperty(member)?.GetCustomAttribute<RangeAttribute>()?.FormatErrorMessage(member);
        return $"{setting} = {value}: is no {found.Groups["type"].Value}{(allowed is null ? "" : $"; {allowed}")}";
    }

    /// <summary>What the binder says, with setting, value and type in it.</summary>
    [GeneratedRegex("value '(?<value>.*)' at '(?<setting>[^']*)' to type '(System\\.)?(?<type>[^']*)'")]
    private static partial Regex Unreadable();

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
