using System.Runtime.InteropServices;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Lets rules and decider say whether an anomaly opens, changes or ends. It appends nothing itself: what it finds goes to <see cref="FindingRecorder"/>.
/// Not for several threads: it is its judge's.
/// </summary>
/// <param name="judge">Whose targets they are; takes over what was recorded.</param>
/// <param name="anomalies">When an anomaly is over.</param>
/// <param name="found">Takes what was found; must not block.</param>
/// <param name="presence">Whether telemetry is there.</param>
internal sealed class AnomalyFinder(WindowJudge judge, AnomalyOptions anomalies, Action<Finding> found, TelemetryPresence presence)
{
    /// <summary>So often it is asked which prefixes an anomaly is spread over: of a second not everything has come at once.</summary>
    private static readonly TimeSpan SpreadInterval = TimeSpan.FromSeconds(2);

    private readonly Dictionary<TargetWatch, ObjectWatch> _open = [];
    private readonly List<TargetWatch> _touched = []; // of this batch, as all that follow
    private readonly List<Over> _over = [];
    private readonly Dictionary<(TargetWatch Wide, long Second), OverInside> _inside = [];

    /// <summary>
    /// A target's second has grown. It is judged when all of its batch was added up: what many share in, as under a carpet, once and not for each of them.
    /// </summary>
    /// <param name="isLate">It came too late to be kept: what is told is all that is known of it.</param>
    public void Consider(ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, bool isLate, Origin origin, DateTimeOffset now)
    {
        var rules = on.Rules(target);
        if (!target.IsCovered && !(rules.CouldMatter(whole.Total) && rules.IsNear(whole, target)))
        {
            return;
        }

        var episode = target.Episode ??= new Episode();
        if (isLate)
        {
            Judge(on, target, second, whole, isLate, origin, now);
        }
        else if (episode.Touch(second))
        {
            _touched.Add(target);
        }
    }

    /// <summary>
    /// What has grown of a target is part of an anomaly, or may open one. Before a newer second of it begins: what the ones before it had is carried on then, and
    /// would count twice.
    /// </summary>
    public void Judge(ObjectWatch on, TargetWatch target, Origin origin, DateTimeOffset now)
    {
        foreach (var second in target.Episode?.TakeTouched() ?? [])
        {
            Judge(on, target, second, target.At(second), isLate: false, origin, now);
        }
    }

    private void Judge(ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, bool isLate, Origin origin, DateTimeOffset now)
    {
        var rules = on.Rules(target);
        var episode = target.Episode!;
        var hold = episode.Hold;
        hold?.Follow(on.Rules(hold.Wide), on.Object.Learning.Mode is LearningMode.Apply);
        var isHeld = hold?.IsHigh(target, whole, second, on.Lag.Seconds) == true;
        if (!isHeld && episode.IsCovering && !rules.IsNear(whole, target))
        {
            return;
        }

        if (HasNoMoreThanOthers(on, target, second, whole))
        {
            episode.High(second, whole.Total, now, presence.At(now), anomalies.LongestPause, isOver: true);
            episode.Over(second);
            return;
        }

        var verdict = rules.Judge(whole, target);
        if (isHeld)
        {
            var measured = hold!.Measure(whole, second);
            episode.Note(measured);
            verdict = hold.IsOver(whole, second) ? verdict.With(measured, on.Rules(hold.Wide).RuleOf(measured)) : verdict;
        }

        episode.High(second, whole.Total, now, presence.At(now), anomalies.LongestPause, verdict.IsOver);

        if (episode.Home is not null)
        {
            Feed(on, target, target, second, verdict, origin, now);
            return;
        }

        if (!verdict.IsOver)
        {
            return;
        }

        if (episode.IsCovering)
        {
            episode.Note(verdict.Over); // also while it is being recorded: of a second that goes on the rest is to come
        }

        if (episode.IsDeciding || episode.Over(second) < anomalies.MinimumSeconds)
        {
            return;
        }

        Rotation.Note(on, target, second, verdict);
        if (episode.State.Open is not null)
        {
            Find(on, target, second, whole, verdict, hold is not null && verdict.Over[0].Level == hold.Wide.Level ? hold.Wide : target, origin, now);
        }
        else if (target.Level is WatchLevel.Host && Naming.IsInside(on, target, second, whole, verdict))
        {
            Collect(on, target, second, verdict);
        }
        else
        {
            _over.Add(new(target, second, isLate ? whole : null, verdict));
        }
    }

    /// <summary>
    /// Whether a host is inside a wider anomaly, and has of nothing more than others that were over there in this batch: it would tell nothing new. Most hosts of a
    /// carpet are so, and there may be tens of thousands of them.
    /// </summary>
    private bool HasNoMoreThanOthers(ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole) =>
        target is { Level: WatchLevel.Host, IsCovered: false }
        && Naming.Around(on, target) is { } wide
        && _inside.TryGetValue((wide, second), out var inside)
        && !Naming.MayStandOut(target, wide, second, whole)
        && on.Rules(target).IsNoMoreThan(inside.Most, whole, target);

    /// <summary>
    /// All of a batch was added up. Who was over in it may open anomalies, hosts first. Only now it is known what the others had in it, so that nobody is named for
    /// being read first. What belongs to a wider anomaly keeps it open, all of it together.
    /// </summary>
    public void Open(ObjectWatch on, Origin origin, DateTimeOffset now)
    {
        foreach (var target in _touched)
        {
            Judge(on, target, origin, now);
        }

        _touched.Clear();
        if (_over.Count > 0)
        {
            OpenWhatIsOver(on, origin, now);
            _over.Clear();
        }

        foreach (var ((wide, second), inside) in _inside)
        {
            if (inside.KeepsOpen)
            {
                (wide.Episode!.Home ?? wide).Episode!.Note(inside.Most);
                Feed(on, wide, inside.Largest, second, inside.Verdict(), origin, now);
            }
        }

        _inside.Clear();
    }

    private void OpenWhatIsOver(ObjectWatch on, Origin origin, DateTimeOffset now)
    {
        var others = new List<Over>();
        foreach (var over in _over)
        {
            if (over.Target.Level is WatchLevel.Prefix && on.Whole.IsCovered)
            {
                Collect(on, over.Target, over.Second, over.Verdict);
            }
            else
            {
                others.Add(over);
            }
        }

        if (others.Count == 0)
        {
            return;
        }

        var batch = new OverTogether(on, _over.Select(over => over.Target));
        var left = new List<Over>();
        foreach (var over in others.OrderBy(over => over.Target.Level).ThenByDescending(over => over.Target.At(over.Second).Total.Packets))
        {
            Open(on, over, batch, left, origin, now);
        }

        foreach (var over in left.Where(over => !over.Target.Block!.IsCovered && !on.Whole.IsCovered))
        {
            Open(on, over, batch, left: null, origin, now); // the wider one named another
        }
    }

    /// <summary>It is part of a wider anomaly that is open.</summary>
    private void Collect(ObjectWatch on, TargetWatch target, long second, Verdict verdict)
    {
        if (Naming.Around(on, target) is { } wide)
        {
            ref var inside = ref CollectionsMarshal.GetValueRefOrAddDefault(_inside, (wide, second), out _);
            (inside ??= new OverInside()).Add(target, verdict, KeepsOpen(wide, target));
        }
    }

    /// <param name="left">Takes what a wider target, which comes later, may be to name; null: none comes.</param>
    private void Open(ObjectWatch on, Over over, OverTogether batch, List<Over>? left, Origin origin, DateTimeOffset now)
    {
        var (target, second) = (over.Target, over.Second);
        var whole = over.Late ?? target.At(second);
        var rules = on.Rules(target);
        if (target.IsCovered || rules.Judge(whole, target) is not { IsOver: true } verdict)
        {
            return;
        }

        if (left is not null && Naming.IsPart(on, target, second, verdict, batch))
        {
            left.Add(over);
            return;
        }

        if (left is not null && !Rotation.Reaches(on, target, second, verdict) && batch.MayWait(target, second, verdict) && target.Episode!.Waits(now))
        {
            return; // its block will be over when more of it has come
        }

        var (named, rule) = Naming.Of(on, target, second, whole, verdict, batch);
        if (named is null)
        {
            Collect(on, target, second, verdict);
            return;
        }

        TargetWatch? reached = null; // the block within which the attack goes from host to host
        if (named is { Level: WatchLevel.Host, IsCovered: false, Block.IsCovered: false } && !on.Whole.IsCovered && Comes(on, named, target, second, verdict))
        {
            (named, rule) = (reached = named.Block, named == target ? RuleName.Spread : rule);
        }

        if (named.Episode?.IsDeciding == true)
        {
            return;
        }

        if (rule == RuleName.Spread || target.Level is not WatchLevel.Host)
        {
            if (HomeOf(on, target, second, verdict) is { } home)
            {
                var joined = Widened(on, home, named);
                Join(on, joined, home, target);
                Rotation.Begin(joined, reached);
                Feed(on, joined, target, second, verdict, origin, now);
                return;
            }

            var block = rule == RuleName.Spread ? named : target;
            if (block.Level is WatchLevel.Prefix && on.Object.Holds(block.Target) && Naming.IsSpread(on, block, second, verdict, batch))
            {
                (named, rule) = (on.Whole, RuleName.Spread);
            }
        }

        if (named != target)
        {
            named.Episode ??= new Episode();
            named.Episode.High(second, named.At(second).Total, now, presence.At(now), anomalies.LongestPause, isOver: true);
            named.Episode.IsSpread = named.Level > target.Level;
            named.Episode.Hold = named.Episode.IsSpread ? null : Naming.HoldOf(target, rules, verdict);
        }

        named.Episode!.Begin(now, anomalies);
        Rotation.Begin(named, reached);
        named.Episode.Note(verdict.Over);
        var theirs = named == target ? whole : named.At(second);
        theirs = theirs.Total.Packets > 0 ? theirs : named.At(second - 1); // this second's may be still to come
        theirs = theirs.Total.Packets > 0 ? theirs : whole;
        Find(on, named, second, theirs, verdict with { Rule = rule }, target, origin, now);
        if (named.IsCovered)
        {
            Separate(on, named);
            on.Seconds.TakeOutWhatOpened();
        }
    }

    /// <summary>Whether the attack comes to a host, that is over by its own rule or a wider one's, from others of its block.</summary>
    private static bool Comes(ObjectWatch on, TargetWatch host, TargetWatch target, long second, Verdict verdict)
    {
        if (host != target)
        {
            (host.Episode ??= new Episode()).Over(second); // by the wider rule
            Rotation.Note(on, host, second, verdict);
        }

        return Rotation.Reaches(on, host, second, verdict);
    }

    /// <summary>What of a wider anomaly, that others than its own rules opened, is over keeps it open.</summary>
    private static bool KeepsOpen(TargetWatch wide, TargetWatch part) => wide.Episode!.IsSpread || part.Level is WatchLevel.Prefix;

    /// <summary>
    /// The open anomaly that is the same attack: of a block, or of what a wider rule named, for the same traffic. Who was over by its own rule alone
    /// is attacked alone, and what is not the object's any more takes nothing in.
    /// </summary>
    private static TargetWatch? HomeOf(ObjectWatch on, TargetWatch target, long second, Verdict verdict) => on.Open
        .Where(open => open == on.Whole || on.Object.Holds(open.Target))
        .Where(open => open.Episode is { Home: null } episode && (open.Level is not WatchLevel.Host || episode.Hold is not null)
            && (episode.Has(verdict.Over) || Naming.IsSameTraffic(open, target, second, verdict)))
        .MinBy(open => open.Target.Value);

    /// <summary>What an anomaly widens to, so that it is about another target too: its own block where that is enough.</summary>
    private static TargetWatch Widened(ObjectWatch on, TargetWatch home, TargetWatch other) =>
        home.Block is { IsCovered: false } block && (other == block || other.Block == block) ? block : on.Whole;

    private static void Join(ObjectWatch on, TargetWatch joined, TargetWatch home, TargetWatch judged)
    {
        on.Seconds.Opens(joined, on.Lag.Seconds + (judged.Surge?.Span ?? 0));
        Join(on, joined, home, isSpread: joined != judged);
        Separate(on, joined);
        on.Seconds.TakeOutWhatOpened();
    }

    /// <param name="isSpread">Its own rules did not say so: its parts keep it open.</param>
    private static void Join(ObjectWatch on, TargetWatch joined, TargetWatch home, bool isSpread)
    {
        joined.Episode ??= new Episode();
        (joined.Episode.Home, joined.Episode.IsSpread) = (home, isSpread);
        home.Episode!.Joined.Add(joined);
        on.Open.Add(joined);
    }

    /// <summary>What belongs to a wider anomaly keeps it open, and it may have grown.</summary>
    private void Feed(ObjectWatch on, TargetWatch wide, TargetWatch judged, long second, Verdict verdict, Origin origin, DateTimeOffset now)
    {
        var home = wide.Episode!.Home ?? wide;
        var episode = home.Episode!;
        var all = home.At(second).Copy();
        foreach (var joined in episode.Joined)
        {
            all.Add(joined.At(second));
        }

        episode.High(second, all.Total, now, presence.At(now), anomalies.LongestPause, verdict.IsOver);
        if (verdict.IsOver)
        {
            episode.Note(verdict.Over);
            if (episode is { IsDeciding: false, State.Open: not null })
            {
                Find(on, home, second, all, judged.Level < wide.Level ? verdict with { Rule = RuleName.Spread } : verdict, judged, origin, now);
            }
        }
    }

    /// <summary>Ends what was seen to be quiet long enough, or was not seen for too long.</summary>
    public void EndWhatIsOver(DateTimeOffset now)
    {
        foreach (var (target, on) in _open)
        {
            var episode = target.Episode!;
            if (!episode.IsDeciding && OverFor(now - episode.LastHigh, presence.At(now) - episode.PresentAtHigh, episode.QuietFor(anomalies)) is { } reason)
            {
                End(on, target, episode, reason, now);
            }
        }
    }

    /// <summary>Signs of life of what is open.</summary>
    public IReadOnlyList<Pulse> Pulses() =>
    [
        .. from open in _open
           let episode = open.Key.Episode
           select new Pulse(
               open.Value.Object.TenantId,
               episode.State.Open!.AnomalyId,
               episode.LastHigh.ToUnixTimeMilliseconds(),
               Until(episode),
               episode.Peak.Bits,
               episode.Peak.Packets,
               episode.QuietFor(anomalies),
               episode.Memory with { Rotation = Rotation.BlockOf(open.Key)?.Rotation?.Memory }),
    ];

    /// <summary>Goes on with an open anomaly that another process judged until now.</summary>
    public void Resume(ObjectWatch on, TargetWatch target, OpenAnomaly open, DateTimeOffset now)
    {
        var wide = open.Memory?.Hold?.Level is WatchLevel.Object ? on.Whole : target.Block;
        var hold = open.Memory?.Hold is { } rule && wide is not null ? new Hold(wide, rule.Vector, rule.Unit, rule.Rate, rule.Burst) : null;
        target.Episode = Episode.Resume(open, hold, presence.At(now));
        foreach (var level in open.Memory?.Joined ?? [])
        {
            if ((level is WatchLevel.Object ? on.Whole : target.Block) is { IsCovered: false } joined)
            {
                Join(on, joined, target, isSpread: true);
            }
        }

        if (open.Memory?.Rotation is { } rotation && Rotation.BlockOf(target) is { } block)
        {
            block.Rotation = new Rotation(rotation);
        }

        Take(on, target, open.State, isDeciding: false);
    }

    /// <summary>Takes over what the target's stream says.</summary>
    /// <param name="isDeciding">It is being recorded, and may still turn out otherwise.</param>
    public void Take(ObjectWatch on, TargetWatch target, AnomalyState state, bool isDeciding)
    {
        var episode = target.Episode!;
        var wasCovering = episode.IsCovering;
        if (episode.State.Open is not null && state.Open is null)
        {
            episode.End();
        }

        (episode.State, episode.IsDeciding) = (state, isDeciding);
        if (wasCovering != episode.IsCovering)
        {
            if (target.Block is { } block)
            {
                block.CoveredHosts += episode.IsCovering ? 1 : -1;
            }

            if (episode.IsCovering)
            {
                on.Open.Add(target);
            }
            else
            {
                (episode.Hold, episode.IsSpread) = (null, false);
                foreach (var joined in episode.Joined.Where(joined => joined.Episode!.Home == target))
                {
                    (joined.Episode!.Home, joined.Episode.IsSpread) = (null, false);
                    on.Open.Remove(joined);
                    Forget(on, joined);
                }

                episode.Joined.Clear();
                Forget(on, target);
                on.Open.Remove(target);
            }
        }

        if (state.Open is null)
        {
            _open.Remove(target);
        }
        else
        {
            _open[target] = on;
        }
    }

    /// <summary>These anomalies were ended by somebody else: if their traffic goes on, it is a new anomaly.</summary>
    public void Forsake(IReadOnlySet<Guid> anomalyIds)
    {
        foreach (var (target, on) in _open.ToArray())
        {
            if (!target.Episode!.IsDeciding && anomalyIds.Contains(target.Episode.State.Open!.AnomalyId))
            {
                Take(on, target, AnomalyState.Quiet, isDeciding: false);
            }
        }
    }

    public void Clear()
    {
        _open.Clear();
        _over.Clear();
        _touched.Clear();
        _inside.Clear();
    }

    /// <summary>Nothing of a target needs to be remembered any more.</summary>
    public bool IsDone(TargetWatch target, DateTimeOffset now) =>
        target.Episode is not { } episode || (!episode.IsCovering && now - episode.LastHigh > anomalies.LongestPause);

    private void Find(
        ObjectWatch on,
        TargetWatch target,
        long second,
        in SecondTraffic whole,
        Verdict verdict,
        TargetWatch judged,
        Origin origin,
        DateTimeOffset now)
    {
        var episode = target.Episode!;
        var watched = on.Object;
        var prefixes = Spread();
        var subject = episode.State.Open
            ?? new AnomalySubject(
                Guid.CreateVersion7(now),
                watched.ObjectId,
                watched.ServiceCode,
                prefixes is [{ Prefix: var largest }, ..] ? largest : on.NetworksOf(target, second)[0],
                target.Level,
                on.Direction);
        var command = new JudgeSecond(
            subject, DateTimeOffset.FromUnixTimeSeconds(second), whole.Total, verdict.Over, episode.Pulses, Explanation: null, now, prefixes,
            OpenSince: episode.State.Open is null ? null : episode.State.DetectedAt);
        if (AnomalyDecider.Decide(episode.State, command) is Decision<AnomalyEvent>.Accepted { Events.Count: > 0 })
        {
            var rules = on.Rules(target);
            var surge = Surge.Whole(target.Surge, whole);
            command = command with
            {
                Explanation = Explainer.Explain(
                    subject,
                    verdict.Rule,
                    verdict.Over,
                    surge,
                    Surge.Excess(surge, Surge.Seconds(target.Surge), rules.Learned),
                    rules.Learned.Typical,
                    target.Level is WatchLevel.Host ? target.Evidence : on.Whole.Evidence,
                    judged == target ? on.NetworksOf(target, second) : [judged == on.Whole ? subject.Target : judged.Target.ToNetwork()],
                    command.Prefixes,
                    on.Grain,
                    Rotation.Of(target)?.Target.ToNetwork()),
            };
            if (!target.IsCovered)
            {
                on.Seconds.Opens(target, on.Lag.Seconds + (judged.Surge?.Span ?? 0));
            }

            Take(on, target, episode.State, isDeciding: true);
            found(new Finding(
                judge,
                on,
                target,
                subject.Target,
                state => AnomalyDecider.Decide(state, command),
                EndOf: null,
                origin,
                Guid.CreateVersion7(now),
                command));
        }

        IReadOnlyList<PrefixShare>? Spread()
        {
            if (episode.State.Open is not null && now - episode.SpreadAt < SpreadInterval)
            {
                return null;
            }

            episode.SpreadAt = now;
            return on.SpreadOf(target, second);
        }
    }

    private void End(ObjectWatch on, TargetWatch target, Episode episode, EndReason reason, DateTimeOffset now)
    {
        var command = new EndAnomaly(
            episode.State.Open!.AnomalyId,
            reason,
            episode.LastHigh,
            episode.QuietFor(anomalies),
            episode.Peak.Bits,
            episode.Peak.Packets,
            Until(episode),
            now,
            episode.Pulses,
            [.. episode.Most]);
        episode.IsDeciding = true;
        found(new Finding(
            judge,
            on,
            target,
            episode.State.Open.Target,
            state => AnomalyDecider.Decide(state, command),
            EndOf: (command.AnomalyId, episode.LastHigh.ToUnixTimeMilliseconds()),
            new Origin(default, null),
            Guid.CreateVersion7(now)));
    }

    /// <summary>What has an anomaly of its own is taken out of what is judged together.</summary>
    private static void Separate(ObjectWatch on, TargetWatch named)
    {
        named.ForgetSurge();
        named.Block?.Remove(named);
        if (named.Level is not WatchLevel.Object && named.Block?.IsCovered != true)
        {
            on.Whole.Remove(named);
        }
    }

    /// <summary>What was carried on meanwhile was the anomaly, in its parts as well: they are not held to it afterwards.</summary>
    private static void Forget(ObjectWatch on, TargetWatch over)
    {
        over.ForgetSurge();
        foreach (var part in over == on.Whole ? on.Blocks.Values.Concat(on.Hosts.Values) : over.Hosts)
        {
            if (!part.IsCovered)
            {
                part.ForgetSurge();
            }
        }
    }

    /// <summary>Why an anomaly that was last high so long ago is over; null when it is not.</summary>
    private EndReason? OverFor(TimeSpan since, TimeSpan seen, TimeSpan quietFor) =>
        seen >= quietFor ? EndReason.Subsided : since - seen >= anomalies.MissingFor ? EndReason.TelemetryMissing : null;

    private static DateTimeOffset Until(Episode episode) => DateTimeOffset.FromUnixTimeSeconds(episode.LastHighSecond + 1);
}
