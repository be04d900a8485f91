using System.ComponentModel.DataAnnotations;

namespace Platform.Accounts.Operators;

/// <summary>When wrong passwords lock an operator out (R21). Bound from the <c>Lockout</c> section.</summary>
internal sealed class LockOptions
{
    public const string Section = "Lockout";

    /// <summary>Wrong passwords in a row that lock, 1 to 100. One less leaves the account open. Default 5.</summary>
    [Range(1, 100)]
    public int MaxFailures { get; init; } = 5;

    /// <summary>How long it stays locked, 1 second to 7 days. Default 15 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(15);
}
