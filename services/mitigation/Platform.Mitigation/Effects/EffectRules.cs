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

/// <summary>Bits a second of an attack. It may have several vectors, and change from one to another.</summary>
/// <param name="Greatest">Of its greatest vector.</param>
/// <param name="All">Of all of them; what is part of another counts once.</param>
/// <param name="Beyond">What that one of them has beyond what it may have which has most beyond it; 0: none is over. NTP may have less than all of UDP.</param>
internal readonly record struct AttackRate(long Greatest, long All, long Beyond)
{
    /// <param name="evidence">The vectors.</param>
    /// <param name="rateOf">What each of them has.</param>
    public static AttackRate Of(IReadOnlyList<VectorEvidence> evidence, Func<VectorEvidence, long> rateOf)
    {
        var rates = EffectRules.Apart(evidence).Select(rateOf).ToList();
        return new(rates.DefaultIfEmpty(0).Max(), rates.Sum(), evidence.Select(it => rateOf(it) - (long)it.AllowedBits).Append(0).Max());
    }
}

/// <summary>What a measurement says. Pure.</summary>
internal static class EffectRules
{
    public const string Helped = "helped";
    public const string Unchanged = "unchanged";

    /// <summary>The attack goes on, and does not pass where it should be dealt with.</summary>
    public const string NotSeen = "not-seen";
    public const string Unmeasured = "unmeasured";

    public static Judgement NothingBefore { get; } = new(Unmeasured, "Not measured: no anomaly says what arrived before.");

    /// <summary>By hand: it may be all that there was of the attack, or next to nothing.</summary>
    public static Judgement LittleDropped { get; } = new(Unmeasured, "Not measured: no anomaly says what arrived before, and more passes than is dropped.");

    public static Judgement Silence { get; } = new(Unmeasured, "Not measured: no telemetry was heard.");

    public static Judgement FlowsHideDrops { get; } = new(Unmeasured, "Not measured: flows here do not show what routers drop.");

    public static Judgement NobodyTakes { get; } = new(Unmeasured, "Not in force: no speaker with a session answers. It waits for one.");

    public static Judgement Lost { get; } = new(Unmeasured, "Not in force: no speaker holds it any more. It goes in again as soon as one can.");

    public static Judgement NobodyCounts { get; } = new(Unmeasured, "Not measured: it leads to scrubbers that count nothing for us.");

    /// <summary>The attack went down, and it cannot have been by this: nothing of it was dropped here.</summary>
    public static Judgement WentDown { get; } = new(Unmeasured, "Not measured: nothing of the attack is dropped here, and it went down without that.");

    /// <summary>What comes to it has passed others already, or goes to them.</summary>
    public static Judgement DroppedByOthers { get; } = new(Unmeasured, "Not measured: nothing of the attack is dropped here, others of the target's filters drop it.");

    /// <summary>
    /// It helped when at most half of the attack is left, of its greatest vector and of all together, or no more than is allowed anyway.
    /// </summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="during">What arrives now.</param>
    public static string Verdict(IReadOnlyList<VectorEvidence> evidence, AttackRate during)
    {
        var before = Before(evidence);
        return before.All == 0 ? Unmeasured
            : (during.Greatest <= before.Greatest / 2 && during.All <= before.All / 2) || during.Beyond == 0 ? Helped
            : Unchanged;
    }

    /// <summary>The same of a route or a rule in routers, whose effect the flows show.</summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="during">What arrives now of the attack.</param>
    /// <param name="other">What arrives beside it, in bits per second: honest traffic that passes.</param>
    public static Judgement OfRoute(IReadOnlyList<VectorEvidence> evidence, AttackRate during, long other)
    {
        var left = $"{Mega(during.All)} of {Mega(Before(evidence).All)} Mbit/s still arrive, beside {Mega(Math.Max(other, 0))} Mbit/s of other traffic.";
        return Verdict(evidence, during) switch
        {
            Helped => new(Helped, left, during.All),
            Unchanged => new(Unchanged, $"Nothing changed: {left}", during.All),
            _ => NothingBefore,
        };
    }

    /// <summary>
    /// What happens at the scrubbers; null when that cannot be said: nothing is dropped, and no attack passes, neither there nor in the flows.
    /// </summary>
    /// <param name="evidence">What detection saw before; none: by hand.</param>
    /// <param name="rate">Of this countermeasure.</param>
    /// <param name="droppedByAll">Bits a second that all filters of the target drop together: packets that another one drops were seen all the same.</param>
    /// <param name="arrives">What the flows tell of the attack; null when nothing was heard.</param>
    public static Judgement? OfFilter(IReadOnlyList<VectorEvidence> evidence, FilteredRate rate, long droppedByAll, AttackRate? arrives)
    {
        var (dropped, passed, before) = (rate.DroppedBits, rate.PassedBits, Before(evidence).All);
        if (before == 0)
        {
            return dropped == 0 ? null
                : dropped >= passed ? new(Helped, $"{Mega(dropped)} Mbit/s are dropped, {Mega(passed)} Mbit/s pass.", passed)
                : LittleDropped with { DuringBitsPerSecond = passed };
        }

        if (arrives is { } there && Verdict(evidence, there) == Unchanged && droppedByAll + passed < there.All / 2)
        {
            return new(
                NotSeen,
                $"Not seen: {Mega(there.All)} Mbit/s of the attack arrive, and only {Mega(droppedByAll + passed)} Mbit/s come past the scrubbers.",
                there.All);
        }

        var verdict = Verdict(evidence, new(passed, passed, Math.Max(0, passed - (long)Apart(evidence).Sum(it => it.AllowedBits)))); // whichever vector it is of
        var figures = $"{Mega(dropped)} Mbit/s are dropped, {Mega(passed)} Mbit/s pass; the attack was {Mega(before)} Mbit/s.";
        return dropped == 0 && verdict != Unchanged ? null
            : dropped > 0 && (dropped >= passed || verdict != Unchanged || droppedByAll >= before / 2) ? new(Helped, figures, passed) // what passes may be honest
            : new(Unchanged, $"Nothing changed: {figures}", passed);
    }

    /// <summary>
    /// What can be said of a filter that drops nothing while no more passes than after a defence that helps. Where the attack went down by itself and is still more
    /// than it may be: that it goes on. Else that it was not this one. Null: said already, so that an attack that comes and goes is no event each time, or what was
    /// said before says more.
    /// </summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="said">What was said last.</param>
    /// <param name="droppedByAll">Bits a second that all filters of the target drop together.</param>
    /// <param name="arrives">What the flows tell of the attack.</param>
    public static Judgement? OfIdle(IReadOnlyList<VectorEvidence> evidence, MeasuredEffect? said, long droppedByAll, AttackRate arrives)
    {
        var left = $"{Mega(arrives.All)} of {Mega(Before(evidence).All)} Mbit/s arrive.";
        return said is { Verdict: Helped } ? null
            : droppedByAll == 0 && arrives.Beyond > 0 ? new(Unchanged, $"Nothing changed: nothing of the attack is dropped here, and {left}", arrives.All)
            : said is not null && (said.Verdict != Unmeasured || WasSaid(WentDown) || WasSaid(DroppedByOthers)) ? null
            : droppedByAll > 0 ? DroppedByOthers with { Words = $"{DroppedByOthers.Words} {left}", DuringBitsPerSecond = arrives.All }
            : WentDown with { Words = $"{WentDown.Words} {left}", DuringBitsPerSecond = arrives.All };

        bool WasSaid(Judgement one) => said.Words?.StartsWith(one.Words, StringComparison.Ordinal) == true;
    }

    /// <summary>What is seen of an attack that goes on: more of some vector than it may have. Null: nothing says that it does.</summary>
    /// <param name="evidence">What detection saw before.</param>
    /// <param name="sent">What of each vector still arrives, or is dropped on its way, in bits per second.</param>
    public static string? GoesOn(IReadOnlyList<VectorEvidence> evidence, Func<VectorEvidence, long> sent) =>
        evidence.Select(vector => (Sent: sent(vector), vector.AllowedBits)).Where(it => it.Sent > it.AllowedBits).ToList() is { Count: > 0 } over
            ? $"The attack goes on: {Mega(over.Max(it => it.Sent))} Mbit/s are seen of it."
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

    /// <summary>What it was when it was seen: the measure of what is left of it.</summary>
    public static AttackRate Before(IReadOnlyList<VectorEvidence> evidence) => AttackRate.Of(evidence, vector => vector.MostBits);

    /// <summary>Without the vectors that are part of another one: together they are the attack.</summary>
    public static IReadOnlyList<VectorEvidence> Apart(IReadOnlyList<VectorEvidence> evidence) =>
        [.. evidence.Where(it => !evidence.Any(other => VectorMatches.IsPartOf(it, other)))];

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
