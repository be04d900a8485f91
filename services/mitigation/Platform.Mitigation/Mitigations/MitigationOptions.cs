using System.ComponentModel.DataAnnotations;

namespace Platform.Mitigation.Mitigations;

/// <summary>How long and how much is defended. Bound from the <c>Mitigations</c> section.</summary>
internal sealed class MitigationOptions : IValidatableObject
{
    public const string Section = "Mitigations";

    /// <summary>How long countermeasures stay after the anomaly ended. 0 seconds to 1 day; default 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ErrorMessage = "must be 00:00:00 to 1.00:00:00.")]
    public TimeSpan Hold { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>No countermeasure stands longer than this. 1 minute to 30 days; default 1 day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00", ErrorMessage = "must be 00:01:00 to 30.00:00:00.")]
    public TimeSpan MaximumDuration { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Countermeasures that may stand at once, all tenants together. 1 to 10000; default 500.</summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public int MaxCountermeasures { get; init; } = 500;

    /// <summary>Countermeasures that one tenant may hold. 1 to 10000, not above <see cref="MaxCountermeasures"/>; default 50.</summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public int MaxCountermeasuresPerTenant { get; init; } = 50;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MaxCountermeasuresPerTenant > MaxCountermeasures)
        {
            yield return new(
                $"must not exceed {nameof(MaxCountermeasures)} ({MaxCountermeasures}).", [nameof(MaxCountermeasuresPerTenant)]);
        }
    }
}
