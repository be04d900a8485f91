using System.Net;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Effects;

/// <summary>What can be said of one countermeasure now.</summary>
internal sealed partial class EffectMeter
{
    /// <summary>A second is told a moment after it has ended.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(2);

    /// <summary>A speaker that is started anew holds everything again by then: that is drift, and no loss.</summary>
    private static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(3);

    private readonly Dictionary<Guid, ScrubbedTraffic> _scrubbed = [];

    /// <summary>Null: nothing yet, or nothing new.</summary>
    private Judgement? Judge(Look look, MeasuredCountermeasure it) => it switch
    {
        _ when _lostSince.TryGetValue(it.CountermeasureId, out var lost) => look.Now - lost >= BackWithin ? EffectRules.Lost : null,
        { IsAtScrubbers: true } => JudgeAtScrubbers(look, it),
        { AnnouncedAt: null } => JudgeUntaken(look, it),
        _ when look.Mitigation.ObjectId is null => EffectRules.NothingBefore,
        _ when !options.Value.FlowsShowDrops => IsPast(it.AnnouncedAt.Value, look.Until) ? EffectRules.FlowsHideDrops : null,
        _ => Arrives(look, InForceSince(it)) is { } arrives ? EffectRules.OfRoute(look.Mitigation.Evidence, arrives, All(look) - arrives.All)
            : it.Effect is null or { Verdict: EffectRules.NotSeen or EffectRules.Unmeasured } && IsTimeToMeasure(look, InForceSince(it)) ? EffectRules.Silence // silence is no quiet
            : null,
    };

    /// <summary>Whether something in the network was read back with it and holds it still.</summary>
    private bool IsInForce(MeasuredCountermeasure it) => it.AnnouncedAt is not null && !_lostSince.ContainsKey(it.CountermeasureId);

    /// <summary>What arrives while no speaker holds it says nothing of it.</summary>
    private DateTimeOffset InForceSince(MeasuredCountermeasure it) =>
        _backSince.TryGetValue(it.CountermeasureId, out var back) && back > it.AnnouncedAt ? back : it.AnnouncedAt!.Value;

    /// <summary>
    /// Nobody was read back with it. Where no speaker answers at all it waits, and whatever came next would wait with it; where somebody answers, and it is
    /// not taken, it is no defence: another speaker may take the next step.
    /// </summary>
    private Judgement? JudgeUntaken(Look look, MeasuredCountermeasure it)
    {
        var within = options.Value.TakenWithin;
        if (look.Now - it.RequestedAt < within)
        {
            return null;
        }

        var all = network.Value.Speakers.Select(speaker => speaker.Name).Where(_answeringSince.ContainsKey).ToList();
        var holders = all.Where(network.Value.HoldersOf(it.Spec).Contains).ToList();
        var answering = (holders.Count > 0 ? holders : all).Select(speaker => _answeringSince[speaker]).ToList();
        return answering.Count == 0 ? EffectRules.NobodyTakes
            : look.Now - answering.Min() >= within ? EffectRules.NotTaken("speaker", look.Now - it.RequestedAt)
            : null;
    }

    /// <summary>What was said last and still holds where nothing can be said now: no step follows from what is not seen any more.</summary>
    private static MeasuredEffect? Standing(MeasuredCountermeasure it) => it.Effect is { Verdict: EffectRules.Helped } ? it.Effect : null;

    private Judgement? JudgeAtScrubbers(Look look, MeasuredCountermeasure it)
    {
        var (there, pool) = (look.There, it.Spec.Pool);
        if (there.IsAway(pool))
        {
            return EffectRules.NobodyThere(pool, scrubberOptions.Value.AwayAfter);
        }

        if (it is { Spec.Kind: CountermeasureKind.Diversion, AnnouncedAt: null } && JudgeUntaken(look, it) is { } untaken)
        {
            return untaken;
        }

        if (it.Spec.Kind is CountermeasureKind.Scrubbing && IsNotTaken(look, it))
        {
            return EffectRules.NotTaken("scrubber", look.Now - it.RequestedAt);
        }

        if (it.Counted is null)
        {
            return it.Spec.Kind is CountermeasureKind.Diversion && it is { Effect: null or { Verdict: EffectRules.NotSeen }, AnnouncedAt: { } led } && IsPast(led, look.Until)
                ? EffectRules.NobodyCounts
                : null;
        }

        // Whoever asked for them: packets that another filter drops came past the scrubbers all the same.
        var filters = look.Filters.Where(other => Overlap(other.Spec.Prefix, it.Spec.Prefix)).ToList();
        var droppedByAll = filters.Sum(other => RateOf(other, look.Until)?.DroppedBits ?? 0);
        var isAllCounted = filters.All(other => RateOf(other, look.Until) is not null || other.WithdrawnAt is not null);
        if (RateOf(it, look.Until) is not { } rate)
        {
            // Before a window is over, what is dropped most of is plain all the same.
            return it.Effect is null && DropsMost(it, look.Until)
                ? new Judgement(EffectRules.Helped, "Most of what comes past the scrubbers is dropped.")
                : null;
        }

        if (it.Spec.Kind is CountermeasureKind.Diversion)
        {
            rate = rate with { DroppedBits = droppedByAll }; // it leads to what they drop
        }

        var comesSince = LedSince(look.Mitigation, it);
        var arrives = options.Value.FlowsShowDrops && comesSince is { } begun ? Arrives(look, begun) : null;
        return EffectRules.OfFilter(look.Mitigation.Evidence, rate, droppedByAll, isAllCounted ? arrives : null)
            ?? (comesSince is not { } since || !IsPast(since, look.Until) ? null
                : arrives is { } left && isAllCounted && EffectRules.Before(look.Mitigation.Evidence).All > 0 ? EffectRules.OfIdle(look.Mitigation.Evidence, it.Effect, droppedByAll, left)
                : it.Effect is not null ? null
                : look.Mitigation.ObjectId is null || EffectRules.Before(look.Mitigation.Evidence).All == 0 ? EffectRules.NothingBefore
                : !options.Value.FlowsShowDrops ? EffectRules.FlowsHideDrops
                : arrives is null ? EffectRules.Silence
                : null);
    }

    /// <summary>
    /// Since when what it is about comes to it (UTC): that it is in force itself, and a diversion that leads there. Null: nothing is led there now. Who asked for
    /// a filter alone knows another way.
    /// </summary>
    private DateTimeOffset? LedSince(MeasuredMitigation mitigation, MeasuredCountermeasure it)
    {
        var since = it.AnnouncedAt is null ? it.RequestedAt : InForceSince(it);
        var diversions = mitigation.Countermeasures.Where(other => other is { Spec.Kind: CountermeasureKind.Diversion, IsGoing: false, WithdrawnAt: null }
            && Overlap(other.Spec.Prefix, it.Spec.Prefix)).ToList();
        if (it.Spec.Kind is CountermeasureKind.Diversion || diversions.Count == 0)
        {
            return since;
        }

        var standing = diversions.Where(IsInForce).Select(InForceSince).ToList();
        return standing.Count == 0 ? null : new[] { since, standing.Min() }.Max();
    }

    /// <summary>Over a second at least: one packet that is dropped before any has passed says nothing.</summary>
    private bool DropsMost(MeasuredCountermeasure it, DateTimeOffset until) =>
        _scrubbed.TryGetValue(it.CountermeasureId, out var looks)
        && looks.Rate(until + Late, TimeSpan.FromSeconds(1)) is { DroppedBits: > 0 } rate && rate.DroppedBits >= rate.PassedBits;

    /// <summary>Asked for long enough ago, or held once, and now by nobody.</summary>
    private bool IsNotTaken(Look look, MeasuredCountermeasure it) => it.Counted is { ToldAt: var told }
        ? look.Now - told >= scrubberOptions.Value.AwayAfter && look.Now - look.There.ListeningSince >= scrubberOptions.Value.AwayAfter
        : IsPast(it.RequestedAt, look.Now) && IsPast(look.There.ListeningSince, look.Now);

    private FilteredRate? RateOf(MeasuredCountermeasure it, DateTimeOffset until) =>
        _scrubbed.TryGetValue(it.CountermeasureId, out var looks) ? looks.Rate(until, options.Value.Window) : null;

    private void NoteCounters(IReadOnlyList<MeasuredMitigation> mitigations)
    {
        foreach (var it in mitigations.SelectMany(it => it.Countermeasures))
        {
            if (it.Counted is { } counted)
            {
                if (!_scrubbed.TryGetValue(it.CountermeasureId, out var looks))
                {
                    _scrubbed[it.CountermeasureId] = looks = new ScrubbedTraffic();
                }

                looks.Note(clock.GetUtcNow(), counted.DroppedBytes, counted.PassedBytes);
            }
        }
    }

    private static bool Overlap(IPNetwork one, IPNetwork other) => one.Contains(other.BaseAddress) || other.Contains(one.BaseAddress);

    /// <summary>What flows tell of the attack since then. Null when it was not heard for long enough, or when ingestion itself heard nothing.</summary>
    private AttackRate? Arrives(Look look, DateTimeOffset since) =>
        IsTimeToMeasure(look, since) && traffic.IsHeard(look.Until, options.Value.Window, options.Value.Silence)
            ? AttackRate.Of(look.Mitigation.Evidence, vector => traffic.BitsPerSecond(look.Mitigation.Targets, vector.Vector, look.Until, options.Value.Window))
            : null;

    /// <summary>All traffic to the target.</summary>
    private long All(Look look) => traffic.BitsPerSecond(look.Mitigation.Targets, TargetTraffic.Total, look.Until, options.Value.Window);

    private bool IsTimeToMeasure(Look look, DateTimeOffset since) =>
        look.HeardSince is { } heard && IsPast(heard > since ? heard : since, look.Until);

    private bool IsPast(DateTimeOffset since, DateTimeOffset now) => now - since >= options.Value.Settle + options.Value.Window;

    /// <param name="Mitigation">What is looked at.</param>
    /// <param name="Filters">Everything at scrubbers that was counted, of all mitigations.</param>
    /// <param name="There">Which agents are there.</param>
    /// <param name="HeardSince">Since when its traffic is heard without a break (UTC); null: it is not.</param>
    /// <param name="Now">Now (UTC).</param>
    private sealed record Look(
        MeasuredMitigation Mitigation, IReadOnlyList<MeasuredCountermeasure> Filters, RollCall There, DateTimeOffset? HeardSince, DateTimeOffset Now)
    {
        /// <summary>End of what was told (UTC).</summary>
        public DateTimeOffset Until => Now - Late;
    }
}
