using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Effects;

/// <summary>
/// Measures, once a second, what still arrives at targets that are defended and what the scrubbers do to it, records it when it says something new, and
/// takes the next step of the policy when one did not help within its patience.
/// </summary>
/// <remarks>
/// One replica works, elected like the reconciler. While the broker is away no traffic is measured, and nothing follows from it; that nobody is there to
/// filter is known all the same.
/// </remarks>
internal sealed partial class EffectMeter(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    CurrentViews views,
    TargetTraffic traffic,
    TrafficListener listener,
    KnownScrubbers scrubbers,
    NetworkSeat seat,
    IOptions<EffectOptions> options,
    IOptions<BgpOptions> network,
    IOptions<MitigationOptions> limits,
    IOptions<ScrubberOptions> scrubberOptions,
    TimeProvider clock,
    ILogger<EffectMeter> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(30);

    private readonly Dictionary<(Guid MitigationId, int Step), DateTimeOffset> _noFurther = [];
    private readonly Dictionary<(Guid MitigationId, int Step), DateTimeOffset> _helpedUntil = [];
    private readonly Dictionary<Guid, DateTimeOffset> _renewed = [];
    private readonly Dictionary<Guid, DateTimeOffset> _quietSince = [];
    private readonly Dictionary<string, DateTimeOffset> _answeringSince = [];
    private readonly Dictionary<Guid, DateTimeOffset> _lostSince = [];
    private readonly Dictionary<Guid, DateTimeOffset> _backSince = [];

    /// <summary>Before it nobody here saw what helped until when.</summary>
    private DateTimeOffset _seatedSince;

    private long _looked = -1; // not seated

    /// <summary>Whether it was seated here, and has looked at everything then or later: whoever moves the clock waits for it.</summary>
    public bool HasLooked(DateTimeOffset at) => Volatile.Read(ref _looked) >= at.UtcTicks;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(NetworkSeat.Effects, (_, seated) => Measure(seated), stoppingToken);

    private async Task Measure(CancellationToken seated)
    {
        _seatedSince = clock.GetUtcNow();
        using var timer = new PeriodicTimer(Interval, clock);
        Volatile.Write(ref _looked, 0); // from now on it looks each second
        while (await timer.WaitForNextTickAsync(seated))
        {
            var at = clock.GetUtcNow();
            try
            {
                await MeasureAll(seated);
            }
            catch (Exception fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault);
            }

            Volatile.Write(ref _looked, at.UtcTicks);
        }
    }

    private async Task MeasureAll(CancellationToken cancellation)
    {
        await views.Network.Ensure(cancellation);
        var mitigations = await MeasuredCountermeasures.Read(database, clock.GetUtcNow(), cancellation);
        Forget(mitigations);
        traffic.Watch(mitigations.SelectMany(it => it.Targets).ToHashSet());
        var heardSince = await listener.Hear(mitigations.Select(it => it.ObjectId).OfType<Guid>().ToHashSet(), cancellation);
        var places = await Places.Read(database, network.Value, scrubbers, cancellation);
        var there = places.There;
        var filters = mitigations.SelectMany(it => it.Countermeasures).Where(it => it is { Spec.Kind: CountermeasureKind.Scrubbing, Counted: not null }).ToList();
        NoteCounters(mitigations);
        await NoteSpeakers(cancellation);
        NoteLost(mitigations, places);
        foreach (var mitigation in mitigations)
        {
            try
            {
                DateTimeOffset? heard = heardSince.TryGetValue(mitigation.ObjectId ?? Guid.Empty, out var since) ? since : null;
                await Measure(new Look(mitigation, filters, there, heard, clock.GetUtcNow()), cancellation);
            }
            catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The measuring of mitigation {mitigation.MitigationId}");
            }
        }
    }

    private async Task Measure(Look look, CancellationToken cancellation)
    {
        var mitigation = look.Mitigation;
        var news = new List<NoteEffect>();
        var verdicts = new List<string?>();
        var words = new List<string>();
        (Judgement? Said, bool Is) unled = (null, false);
        var at = (mitigation.MitigationId, mitigation.Step);
        var isOver = IsOver(look);

        var helpedJustNow = _helpedUntil.TryGetValue(at, out var last) && look.Now - last < 2 * options.Value.Window;

        // A diversion beside filters only leads to them: what they do is what the step does.
        var hasFilters = mitigation.Countermeasures.Any(
            it => it is { IsAccept: false, IsGoing: false, Spec.Kind: CountermeasureKind.Scrubbing } && it.Step == mitigation.Step);
        foreach (var it in mitigation.Countermeasures.Where(it => !it.IsAccept))
        {
            if (it.WithdrawnAt is { } withdrawn)
            {
                if (it.AnnouncedAt is not null)
                {
                    await NoteAftermath(look, it, withdrawn, cancellation);
                }

                continue;
            }

            if (it.IsGoing)
            {
                continue; // the last word comes when it is gone
            }

            var judgement = Judge(look, it);

            // What passes may be honest: that an attack stopped is known a moment after nothing of it is dropped any more.
            var isDoubtful = judgement is { Verdict: EffectRules.Unchanged } && (isOver || (helpedJustNow && it.Effect is { Verdict: EffectRules.Helped }));
            if (judgement is not null && !isDoubtful && EffectRules.IsNews(judgement.Verdict, judgement.Words, it.Effect))
            {
                news.Add(EffectOf(mitigation, it, judgement));
            }

            if (it.Step != mitigation.Step)
            {
                continue;
            }

            // Whoever watches the pools leaves one that nobody is at, and knows of the step that follows that it goes when they are back.
            var isLeft = it.IsAtScrubbers && look.There.IsAway(it.Spec.Pool);
            if (!hasFilters || it.Spec.Kind is not CountermeasureKind.Diversion)
            {
                verdicts.Add(isDoubtful || isLeft ? null : judgement?.Verdict ?? Standing(it)?.Verdict);
                words.Add(judgement?.Words ?? Standing(it)?.Words ?? "");
            }
            else if (!isLeft && !IsInForce(it))
            {
                unled = (judgement, true); // filters to which nothing is led do nothing, and what they do not see says nothing of them
            }
        }

        if (unled.Is)
        {
            (verdicts, words) = ([unled.Said?.Verdict], [unled.Said?.Words ?? ""]);
        }

        if (news.Count > 0)
        {
            var command = new NoteEffects(news);
            await Handle(mitigation, state => MitigationDecider.Decide(state, command), $"measured:{news[0].CountermeasureId:N}", cancellation);
        }

        await Renew(look, cancellation);
        await EndWhenQuiet(look, cancellation);
        if (isOver || verdicts.Contains(EffectRules.Helped))
        {
            _helpedUntil[at] = look.Now; // its patience counts from when it helps no more, or the attack is back
        }
        else if (EffectRules.DidNotHelp(verdicts) && mitigation.IsUnderAttack)
        {
            await Escalate(mitigation, PatienceSince(look, hasFilters), words, cancellation);
        }
    }

    /// <summary>
    /// When the step was taken, or came into force, whichever was later, or last helped. Who measures since a moment ago does not know when that was: then from
    /// that moment.
    /// </summary>
    private DateTimeOffset PatienceSince(Look look, bool hasFilters)
    {
        var mitigation = look.Mitigation;
        var inForce = mitigation.Countermeasures
            .Where(it => it is { IsAccept: false, IsGoing: false, WithdrawnAt: null } && it.Step == mitigation.Step && IsInForce(it)
                && (!hasFilters || it.Spec.Kind is CountermeasureKind.Diversion))
            .Select(InForceSince)
            .DefaultIfEmpty(mitigation.StepSince)
            .Min(); // of what joined later it is not given once more
        var helped = _helpedUntil.GetValueOrDefault((mitigation.MitigationId, mitigation.Step), mitigation.StepSince);
        return new[] { mitigation.StepSince, inForce, helped, _seatedSince }.Max();
    }

    private NoteEffect EffectOf(MeasuredMitigation mitigation, MeasuredCountermeasure it, Judgement said) => new(
        it.CountermeasureId,
        new MeasuredEffect(
            EffectRules.Before(mitigation.Evidence).All,
            said.DuringBitsPerSecond,
            it.Counted?.DroppedPackets,
            it.Counted?.DroppedBytes,
            it.Counted?.PassedPackets,
            it.Counted?.PassedBytes,
            said.Verdict,
            Words: said.Words),
        clock.GetUtcNow(),
        IsUntaken: it.AnnouncedAt is null && said.Verdict is EffectRules.NotSeen);

    /// <summary>The last word, once it was measured, or cannot be any more.</summary>
    private async Task NoteAftermath(Look look, MeasuredCountermeasure it, DateTimeOffset withdrawn, CancellationToken cancellation)
    {
        var arrives = it.IsAtScrubbers || options.Value.FlowsShowDrops ? Arrives(look, withdrawn)?.All : null;
        if (arrives is not null || look.Until - withdrawn > 2 * (options.Value.Settle + options.Value.Window))
        {
            var command = new NoteAftermath(it.CountermeasureId, arrives, look.Now, it.Counted);
            await Handle(look.Mitigation, state => MitigationDecider.Decide(state, command), $"aftermath:{it.CountermeasureId:N}", cancellation);
        }
    }

    private async Task Escalate(MeasuredMitigation mitigation, DateTimeOffset since, IReadOnlyList<string> words, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (_noFurther.TryGetValue((mitigation.MitigationId, mitigation.Step), out var asked) && now - asked < AskAgain)
        {
            return;
        }

        if (await facts.Find(mitigation.TenantId, mitigation.ServiceCode, mitigation.ObjectId ?? Guid.Empty, cancellation) is not { } defense
            || mitigation.Step >= defense.Policy.Steps.Count
            || DefensePlan.HingesOnTheUnheard(mitigation.Target, mitigation.Evidence, defense, mitigation.Step + 1)
            || now - since < defense.Policy.Steps[mitigation.Step].Patience)
        {
            return;
        }

        var (state, _) = await store.Tenant(TenantId.Of(mitigation.TenantId))
            .Load(MitigationState.Stream, mitigation.MitigationId.ToString(), cancellation);
        if (mitigation.Countermeasures.Any(it =>
            it.AnnouncedAt is null && it.Step == mitigation.Step && state.Countermeasures.GetValueOrDefault(it.CountermeasureId) is { Announced.IsEmpty: false }))
        {
            return; // it is in force, and the views do not know it yet
        }

        var next = state.Step == mitigation.Step && MitigationDecider.StepAfter(state, defense) is { } step ? MitigationDecider.NewByRule(state, step.Specs) : [];
        if (next.All(spec => defense.Rails.RefusalOf(spec, defense.Contract, mitigation.ServiceCode) is null))
        {
            defense = await facts.WithMoreSlots(defense, mitigation.TenantId, mitigation.MitigationId, Room.For(next), cancellation);
        }

        var why = EffectRules.Why(defense.Policy.Steps[mitigation.Step].Kind, words, now - since);
        var command = new Escalate(mitigation.MitigationId, mitigation.Step, why, defense, now);
        var decision = await Handle(mitigation, state => MitigationDecider.Decide(state, command), $"escalate:{mitigation.Step}", cancellation);
        if (decision is Decision<MitigationEvent>.Accepted([StepTaken, ..]))
        {
            Telemetry.Escalated();
            log.Escalated(mitigation.MitigationId, why);
            return;
        }

        _noFurther[(mitigation.MitigationId, mitigation.Step)] = now; // nothing stronger is left, or a rail says no
        log.StepDecided(mitigation.MitigationId, decision);
    }

    /// <summary>Since when each speaker answers and has a session up, as the reconciler says; who was away a moment ago has not had its time yet.</summary>
    private async Task NoteSpeakers(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var there = (await connection.QueryAsync<string>(
            """
            select name from views.speakers_v1 where away_since is null and (sessions = '[]' or sessions @> '[{"IsEstablished": true}]')
            """)).ToHashSet();
        foreach (var gone in _answeringSince.Keys.Where(speaker => !there.Contains(speaker)).ToList())
        {
            _answeringSince.Remove(gone);
        }

        foreach (var speaker in there)
        {
            _answeringSince.TryAdd(speaker, clock.GetUtcNow());
        }
    }

    /// <summary>Since when what was in force stands at no speaker any more, or does again.</summary>
    private void NoteLost(IReadOnlyList<MeasuredMitigation> mitigations, Places places)
    {
        foreach (var it in mitigations.SelectMany(it => it.Countermeasures).Where(it => it.Spec.Kind is not CountermeasureKind.Scrubbing))
        {
            if (it is { AnnouncedAt: not null, IsGoing: false } && places.Of(it.CountermeasureId, it.Spec, it.AnnouncedBy).Holding.Count == 0)
            {
                _lostSince.TryAdd(it.CountermeasureId, clock.GetUtcNow());
            }
            else if (_lostSince.Remove(it.CountermeasureId))
            {
                _backSince[it.CountermeasureId] = clock.GetUtcNow();
            }
        }
    }

    private Task<Decision<MitigationEvent>> Handle(
        MeasuredMitigation mitigation, Func<MitigationState, Decision<MitigationEvent>> decide, string what, CancellationToken cancellation) =>
        store.Tenant(TenantId.Of(mitigation.TenantId)).Handle(
            MitigationState.Stream,
            mitigation.MitigationId.ToString(),
            decide,
            new Cause($"effects:{what}:{clock.GetUtcNow().UtcTicks}"),
            cancellation);

    /// <summary>What is measured no more.</summary>
    private void Forget(IReadOnlyList<MeasuredMitigation> mitigations)
    {
        var known = mitigations.Select(it => it.MitigationId).ToHashSet();
        foreach (var past in (Dictionary<(Guid MitigationId, int Step), DateTimeOffset>[])[_noFurther, _helpedUntil])
        {
            foreach (var gone in past.Keys.Where(key => !known.Contains(key.MitigationId)).ToList())
            {
                past.Remove(gone);
            }
        }

        foreach (var past in (Dictionary<Guid, DateTimeOffset>[])[_renewed, _quietSince])
        {
            foreach (var gone in past.Keys.Where(id => !known.Contains(id)).ToList())
            {
                past.Remove(gone);
            }
        }

        var measured = mitigations.SelectMany(it => it.Countermeasures).Select(it => it.CountermeasureId).ToHashSet();
        foreach (var gone in _scrubbed.Keys.Where(id => !measured.Contains(id)).ToList())
        {
            _scrubbed.Remove(gone);
        }

        foreach (var gone in _lostSince.Keys.Concat(_backSince.Keys).Where(id => !measured.Contains(id)).ToList())
        {
            _lostSince.Remove(gone);
            _backSince.Remove(gone);
        }
    }
}
