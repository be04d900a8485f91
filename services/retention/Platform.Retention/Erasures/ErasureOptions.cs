using System.ComponentModel.DataAnnotations;

namespace Platform.Retention.Erasures;

/// <summary>Who is asked to erase, and how often. Bound from the <c>Erasures</c> section.</summary>
public sealed class ErasureOptions : IValidatableObject
{
    public const string Section = "Erasures";

    /// <summary>
    /// Services that own data of contracts, separated by commas; each has to answer. Default: all five.
    /// </summary>
    [Required(ErrorMessage = "must name at least one owner.")]
    public string Owners { get; init; } = "accounts,detection,mitigation,notifications,reporting";

    /// <summary>How often it is looked what is due, 100 milliseconds to 1 hour. Default 1 second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00", ErrorMessage = "must be from 00:00:00.100 to 01:00:00.")]
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Wait before owners that have not answered are asked again, 1 second to 1 day; doubles each time. Default 60
    /// seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "must be from 00:00:01 to 1.00:00:00.")]
    public TimeSpan RepeatAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Longest wait between two requests, 1 second to 1 day, not shorter than <see cref="RepeatAfter"/>. Default 1
    /// hour.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "must be from 00:00:01 to 1.00:00:00.")]
    public TimeSpan RepeatAtMost { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The owners as a list, in the order of their names, each once.</summary>
    public IReadOnlyList<string> OwnerNames =>
    [
        .. Owners.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (OwnerNames.Count == 0)
        {
            yield return new("must name at least one owner.", [nameof(Owners)]);
        }

        if (RepeatAtMost < RepeatAfter)
        {
            yield return new($"must not be shorter than RepeatAfter ({RepeatAfter}).", [nameof(RepeatAtMost)]);
        }
    }
}
