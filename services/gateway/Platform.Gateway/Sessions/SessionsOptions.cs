using System.ComponentModel.DataAnnotations;

namespace Platform.Gateway.Sessions;

/// <summary>Sessions of people in the portal. Bound from the <c>Session</c> section.</summary>
internal sealed class SessionsOptions : IValidatableObject
{
    public const string Section = "Session";

    /// <summary>
    /// Folder with the keys that protect session cookies, shared by all replicas; only this service may read it. Unset: keys live in memory
    /// and every restart ends all sessions.
    /// </summary>
    public string? KeyFolder { get; init; }

    /// <summary>How long what accounts said of an operator is believed, 0 to 60 seconds. Default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan RecheckAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a session lives without a request, 1 minute to 1 day. Default 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Attempts to sign in per minute and source address, 1 to 10000. Default 20.</summary>
    [Range(1, 10_000)]
    public int SignInsPerMinute { get; init; } = 20;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (KeyFolder is { Length: > 0 } && !Directory.Exists(KeyFolder))
        {
            yield return new("must be an existing folder.", [nameof(KeyFolder)]);
        }
    }
}
