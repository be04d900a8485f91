using System.ComponentModel.DataAnnotations;

namespace Platform.Detection.Learning;

/// <summary>How learning is kept. Bound from the <c>Learning</c> section.</summary>
internal sealed class LearningOptions
{
    public const string Section = "Learning";

    /// <summary>How often what was learned is saved; after a crash at most this much is learned again. 1 second to 1 hour; default 5 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan SaveEvery { get; init; } = TimeSpan.FromMinutes(5);
}
