using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Platform.Hosting;

/// <summary>Data annotations, with a message that names the setting, the value found and what is allowed.</summary>
internal sealed partial class SettingsValidator<T>(string section) : IValidateOptions<T>
    where T : class
{
    private static readonly string[] _secrets = ["Password", "Token", "Secret"];

    /// <summary>Reads the settings into the options; text where a number or a time belongs is refused like a value out of range.</summary>
    public static void Bind(IConfiguration settings, T options)
    {
        try
        {
            // Otherwise what cannot be read inside a list, or is misspelt, would be left out without a word.
            settings.Bind(options, how => how.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException refused)
        {
            Exception inmost = refused;
            while (inmost.InnerException is InvalidOperationException inner)
            {
                inmost = inner;
            }

            throw new OptionsValidationException(Options.DefaultName, typeof(T), [Describe(settings, inmost.Message)]);
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

    private static string Describe(IConfiguration settings, string unreadable)
    {
        if (Unknown().Match(unreadable) is { Success: true } unknown)
        {
            return $"{(settings as IConfigurationSection)?.Path}: there is no setting {unknown.Groups["names"].Value}.";
        }

        if (Unreadable().Match(unreadable) is not { Success: true } found)
        {
            return unreadable;
        }

        var (setting, value) = (found.Groups["setting"].Value, found.Groups["value"].Value);
        var member = setting.Split(':')[^1];
        var allowed = typeof(T).GetProperty(member)?.GetCustomAttribute<RangeAttribute>()?.FormatErrorMessage(member);
        return $"{setting} = {value}: {allowed ?? $"must be {Kind(found.Groups["type"].Value)}."}";
    }

    /// <summary>What the binder says, with setting, value and type in it.</summary>
    [GeneratedRegex("value '(?<value>.*)' at '(?<setting>[^']*)' to type '(System\\.)?(?<type>[^']*)'")]
    private static partial Regex Unreadable();

    /// <summary>What the binder says of names that it does not know.</summary>
    [GeneratedRegex("not found on the instance of [^:]*: (?<names>.*)$")]
    private static partial Regex Unknown();

    private string Describe(T options, ValidationResult result)
    {
        var member = result.MemberNames.FirstOrDefault();
        if (member is null)
        {
            return $"{section}: {result.ErrorMessage}";
        }

        // A secret never reaches the log, not even a wrong one.
        var secret = section == PostgresOptions.Section || _secrets.Any(word => member.Contains(word, StringComparison.Ordinal));
        var value = typeof(T).GetProperty(member)?.GetValue(options) switch
        {
            null or "" or System.Collections.ICollection { Count: 0 } => "(not set)",
            _ when secret => "(hidden)",
            System.Collections.ICollection { Count: var count } => $"({count} entries)",
            var found => Convert.ToString(found, CultureInfo.InvariantCulture),
        };
        return $"{section}:{member} = {value}: {result.ErrorMessage}";
    }

    private static string Kind(string type) => type switch
    {
        "UInt16" or "Int32" or "UInt32" or "Int64" or "UInt64" or "Byte" => "a whole number",
        "Double" or "Single" or "Decimal" => "a number",
        "Boolean" => "true or false",
        "TimeSpan" => "a time such as 00:00:10",
        _ => $"a valid {type[(type.LastIndexOf('.') + 1)..]}",
    };
}
