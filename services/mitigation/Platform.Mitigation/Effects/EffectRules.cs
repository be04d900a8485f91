using System.Globalization;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>What a measurement says. Pure.</summary>
internal static class EffectRules
{
    public const string Helped = "helped";
    public const string Unchanged = "unchanged";
    public const string Unmeasured = "unmeasured";

    /// <summary>It helped when at most half of the attack is left, or no more than is allowed anyway.</summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="during">What arrives now, in bits per second.</param>
    public static string Verdict(IReadOnlyList<VectorEvidence> evidence, long during)
    {
        var before = Before(evidence);
        return before == 0 ? Unmeasured
            : during <= before / 2 || during <= evidence.MaxBy(vector => vector.BitsPerSecond)!.ThresholdBitsPerSecond ? Helped
            : Unchanged;
    }

    /// <summary>What a filter in the scrubbers did; null when that cannot be said: it drops nothing, and no attack passes either.</summary>
    /// <param name="evidence">What detection saw before; none: by hand.</param>
    /// <param name="droppedBits">Dropped by it, a second.</param>
    /// <param name="passedBits">Passed to its destination, past all filters, a second.</param>
    public static string? VerdictOfFilter(IReadOnlyList<VectorEvidence> evidence, long droppedBits, long passedBits)
    {
        var verdict = Verdict(evidence, passedBits);
        return droppedBits == 0 ? (verdict == Unchanged ? Unchanged : null)
            : droppedBits >= passedBits || verdict != Unchanged ? Helped
            : Unchanged;
    }

    /// <summary>The greatest vector, in bits per second: what <see cref="TargetTraffic"/> measures afterwards.</summary>
    public static long Before(IReadOnlyList<VectorEvidence> evidence) => evidence.Select(vector => vector.BitsPerSecond).DefaultIfEmpty(0).Max();

    /// <summary>Whether all of a step was measured and nothing of it helped.</summary>
    public static bool DidNotHelp(IReadOnlyCollection<string?> verdicts) => verdicts.Count > 0 && verdicts.All(verdict => verdict == Unchanged);

    /// <param name="step">The step that is left.</param>
    /// <param name="before">Bits per second that detection saw.</param>
    /// <param name="during">Bits per second that still arrive; null where the scrubbers count and nothing was dropped.</param>
    /// <param name="after">How long it was given.</param>
    public static string Why(DefenseStepKind step, long before, long? during, TimeSpan after) => during is { } left
        ? string.Create(CultureInfo.InvariantCulture, $"{step} left {left / 1e6:0.#} of {before / 1e6:0.#} Mbit/s after {after.TotalSeconds:0} s.")
        : string.Create(CultureInfo.InvariantCulture, $"{step} dropped nothing within {after.TotalSeconds:0} s.");
}
