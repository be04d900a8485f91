using System.Runtime.InteropServices;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Lets rules and decider say, of all that has grown in a batch, whether an anomaly opens or changes; how it goes on and ends is <see cref="OngoingAnomalies"/>'. It
/// appends nothing itself: what it finds goes to <see cref="FindingRecorder"/>. Not for several threads: it is its judge's.
/// </summary>
/// <param name="judge">Whose targets they are; takes over what was recorded.</param>
/// <param name="ongoing">Takes what opens.</param>
/// <param name="anomalies">When an anomaly is over.</param>
/// <param name="found">Takes what was found; must not block.</param>
/// <param name="presence">Whether telemetry is there.</param>
internal sealed class AnomalyFinder(
    WindowJudge judge, OngoingAnomalies ongoing, AnomalyOptions anomalies, Action<Finding> found, TelemetryPresence presence)
{
    /// <summary>So often it is asked which prefixes an anomaly is spread over: of a second not everything has come at once.</summary>
    private static readonly TimeSpan SpreadInterval = TimeSpan.FromSeconds(2);

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
            (inside ??= new OverInside()).Add(target, verdict, Widening.KeepsOpen(wide, target));
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

        var reached = Rotation.BlockFor(on, named, target, second, verdict);
        (named, rule) = reached is null ? (named, rule) : (reached, named == target ? RuleName.Spread : rule);
        if (named.Episode?.IsDeciding == true)
        {
            return;
        }

        if (rule == RuleName.Spread || target.Level is not WatchLevel.Host)
        {
            if (Widening.HomeOf(on, target, second, verdict) is { } home)
            {
                var joined = Widening.Of(on, home, named);
                Widening.Join(on, joined, home, target);
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

        Begin(on, over, whole, named, reached, verdict with { Rule = rule }, origin, now);
    }

    /// <summary>An anomaly opens.</summary>
    /// <param name="over">What was over.</param>
    /// <param name="whole">What that had.</param>
    /// <param name="named">Whose anomaly it is.</param>
    /// <param name="reached">The block within which it goes from host to host; null: it does not.</param>
    /// <param name="verdict">By which rule.</param>
    private void Begin(
        ObjectWatch on, Over over, in SecondTraffic whole, TargetWatch named, TargetWatch? reached, Verdict verdict, Origin origin, DateTimeOffset now)
    {
        var (target, second) = (over.Target, over.Second);
        if (named != target)
        {
            named.Episode ??= new Episode();
            named.Episode.High(second, named.At(second).Total, now, presence.At(now), anomalies.LongestPause, isOver: true);
            named.Episode.IsSpread = named.Level > target.Level;
            named.Episode.Hold = named.Episode.IsSpread ? null : Naming.HoldOf(target, on.Rules(target), verdict);
        }

        named.Episode!.Begin(now, anomalies);
        Rotation.Begin(named, reached);
        named.Episode.Note(verdict.Over);
        var theirs = named == target ? whole : named.At(second);
        theirs = theirs.Total.Packets > 0 ? theirs : named.At(second - 1); // this second's may be still to come
        theirs = theirs.Total.Packets > 0 ? theirs : whole;
        Find(on, named, second, theirs, verdict, target, origin, now);
        if (named.IsCovered)
        {
            Widening.Separate(on, named);
            on.Seconds.TakeOutWhatOpened();
        }
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

    public void Clear()
    {
        _over.Clear();
        _touched.Clear();
        _inside.Clear();
    }

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

            ongoing.Take(on, target, episode.State, isDeciding: true);
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
}
