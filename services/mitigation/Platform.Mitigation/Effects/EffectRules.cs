using System.Globalization;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <param name="Verdict"><see cref="EffectRules.Helped"/> and so on.</param>
/// <param name="Words">The same for people.</param>
/// <param name="DuringBitsPerSecond">What arrives past it now; null when that was not measured.</param>
internal sealed record Judgement(string Verdict, string Words, long? DuringBitsPerSecond = null);

/// <param name="DroppedBits">A second.</param>
/// <param name="PassedBits">A second, to the destination, past all filters.</param>
internal sealed record FilteredRate(long DroppedBits, long PassedBits);

/// <summary>What a measurement says. Pure.</summary>
internal static class EffectRules
{
    public const string Helped = "helped";
    public const string Unchanged = "unchanged";

    /// <summary>The attack goes on, and does not pass where it should be dealt with.</summary>
    public const string NotSeen = "not-seen";
    public const string Unmeasured = "unmeasured";

    public static Judgement NothingBefore { get; } = new(Unmeasured, "Not measured: no anomaly says what arrived before.");

    public static Judgement Silence { get; } = new(Unmeasured, "Not measured: no telemetry was heard.");

    public static Judgement FlowsHideDrops { get; } = new(Unmeasured, "Not measured: flows here do not show what routers drop.");

    public static Judgement NobodyTakes { get; } = new(Unmeasured, "Not in force: no speaker with a session answers. It waits for one.");

    public static Judgement NobodyCounts { get; } = new(Unmeasured, "Not measured: it leads to scrubbers that count nothing for us.");

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

    /// <summary>The same of a route or a rule in routers, whose effect the flows show.</summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="during">What arrives now of the attack, in bits per second.</param>
    /// <param name="other">What arrives beside it; of an attack of one vector it is honest traffic that passes.</param>
    public static Judgement OfRoute(IReadOnlyList<VectorEvidence> evidence, long during, long other)
    {
        // Of several vectors only the greatest is measured: what arrives beside it may be attack as well.
        var beside = evidence.Count == 1 ? $", beside {Mega(Math.Max(other, 0))} Mbit/s of other traffic" : "";
        var left = $"{Mega(during)} of {Mega(Before(evidence))} Mbit/s still arrive{beside}.";
        return Verdict(evidence, during) switch
        {
            Helped => new(Helped, left, during),
            Unchanged => new(Unchanged, $"Nothing changed: {left}", during),
            _ => NothingBefore,
        };
    }

    /// <summary>
    /// What happens at the scrubbers; null when that cannot be said: nothing is dropped, and no attack passes, neither there nor in the flows.
    /// </summary>
    /// <param name="evidence">What detection saw before; none: by hand.</param>
    /// <param name="rate">Of this countermeasure.</param>
    /// <param name="droppedByAll">Bits a second that all filters of the target drop together: packets that another one drops were seen all the same.</param>
    /// <param name="arrives">What the flows tell of the attack, in bits per second; null when nothing was heard.</param>
    public static Judgement? OfFilter(IReadOnlyList<VectorEvidence> evidence, FilteredRate rate, long droppedByAll, long? arrives)
    {
        var (dropped, passed, before) = (rate.DroppedBits, rate.PassedBits, Before(evidence));
        if (before == 0)
        {
            return dropped > 0 ? new(Helped, $"{Mega(dropped)} Mbit/s are dropped, {Mega(passed)} Mbit/s pass.", passed) : null;
        }

        if (arrives is { } there && Verdict(evidence, there) == Unchanged && droppedByAll + passed < there / 2)
        {
            return new(
                NotSeen, $"Not seen: {Mega(there)} Mbit/s of the attack arrive, and only {Mega(droppedByAll + passed)} Mbit/s come past the scrubbers.", there);
        }

        var verdict = Verdict(evidence, passed);
        var figures = $"{Mega(dropped)} Mbit/s are dropped, {Mega(passed)} Mbit/s pass; the attack was {Mega(before)} Mbit/s.";
        return dropped == 0 && verdict != Unchanged ? null
            : dropped > 0 && (dropped >= passed || verdict != Unchanged || droppedByAll >= before / 2) ? new(Helped, figures, passed) // what passes may be honest
            : new(Unchanged, $"Nothing changed: {figures}", passed);
    }

    /// <summary>What is seen of an attack that goes on: more than would be allowed. Null: nothing says that it does.</summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="sent">What of it still arrives, or is dropped on its way, in bits per second.</param>
    public static string? GoesOn(IReadOnlyList<VectorEvidence> evidence, long sent) =>
        evidence.MaxBy(vector => vector.BitsPerSecond) is { } greatest && sent > (greatest.ThresholdBitsPerSecond ?? greatest.BitsPerSecond / 2)
            ? $"The attack goes on: {Mega(sent)} Mbit/s are seen of it."
            : null;

    /// <summary>What was said while it stood, and what came after it.</summary>
    public static string LastWords(string? said, long? after) =>
        $"{said} {(after is { } arrived ? $"After it went {Mega(arrived)} Mbit/s arrived." : "What arrived after it went was not measured.")}".Trim();

    /// <summary>Nobody of those who should filter it is there.</summary>
    public static Judgement NobodyThere(string? pool, TimeSpan forSoLong) => new(
        NotSeen, string.Create(CultureInfo.InvariantCulture, $"Not seen: no scrubber{(pool is null ? "" : $" of {pool}")} was heard for {forSoLong.TotalSeconds:0} s."));

    /// <summary>Those who should take it are there, and do not.</summary>
    public static Judgement NotTaken(string by, TimeSpan within) => new(
        NotSeen, string.Create(CultureInfo.InvariantCulture, $"Not seen: no {by} has it in force, {within.TotalSeconds:0} s after it was asked for."));

    /// <summary>The greatest vector, in bits per second: what <see cref="TargetTraffic"/> measures afterwards.</summary>
    public static long Before(IReadOnlyList<VectorEvidence> evidence) => evidence.Select(vector => vector.BitsPerSecond).DefaultIfEmpty(0).Max();

    /// <summary>Whether it is worth an event: another verdict, or another reason for having none.</summary>
    public static bool IsNews(string verdict, string? words, MeasuredEffect? said) =>
        said is null || said.Verdict != verdict || (verdict == Unmeasured && said.Words != words);

    /// <summary>Whether something can be said of all of a step, and nothing of it helped.</summary>
    public static bool DidNotHelp(IReadOnlyCollection<string?> verdicts) =>
        verdicts.Count > 0 && verdicts.All(verdict => verdict is Unchanged or NotSeen);

    /// <param name="step">The step that is left.</param>
    /// <param name="said">What was said of its parts.</param>
    /// <param name="after">How long it was given.</param>
    public static string Why(DefenseStepKind step, IEnumerable<string> said, TimeSpan after) => string.Create(
        CultureInfo.InvariantCulture, $"{step} did not help within {after.TotalSeconds:0} s. {string.Join(' ', said.Distinct().Take(3))}");

    private static string Mega(long bits) => (bits / 1e6).ToString("0.#", CultureInfo.InvariantCulture);
}
