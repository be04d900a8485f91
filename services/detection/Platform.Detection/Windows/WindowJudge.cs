using System.Diagnostics;
using Google.Protobuf.Collections;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Judges the windows of one partition as they come: adds increments up per second for each host, its block and the object, and lets rules and decider
/// say whether an anomaly opens, changes or ends. It appends nothing itself: what it finds goes to <see cref="FindingRecorder"/>.
/// </summary>
/// <remarks>
/// A host with an anomaly of its own is no part of its block and object any more; what is left there is judged together, and finds the attack that is
/// spread so that no host stands out. Memory only, and any of it may be lost: a process that begins anew learns from the target's stream that
/// an anomaly is open as soon as it would open one. Every member may be called from any thread.
/// </remarks>
/// <param name="find">The object with this id; null when nothing is known of it.</param>
/// <param name="windows">Bounds.</param>
/// <param name="anomalies">When an anomaly is over.</param>
/// <param name="found">Takes what was found; must not block.</param>
/// <param name="presence">Whether telemetry is there; each batch is a sign of it.</param>
/// <param name="remember">What was learned of an object so far; null: nothing.</param>
/// <param name="used">Takes news about declared bandwidth; must not block.</param>
internal sealed class WindowJudge(
    Func<Guid, WatchedObject?> find,
    WindowOptions windows,
    AnomalyOptions anomalies,
    Action<Finding> found,
    TelemetryPresence presence,
    Func<WatchedObject, ObjectBaseline>? remember = null,
    Action<Use>? used = null)
{
    /// <summary>So many hosts of a block with anomalies of their own are one attack on the block.</summary>
    private const int SpreadHosts = 8;
    private const double Dominance = 0.6;
    private static readonly TimeSpan ForgetInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Object, TrafficDirection Direction), ObjectWatch> _watches = [];
    private readonly Dictionary<TargetWatch, ObjectWatch> _open = [];
    private readonly BatchNumbers _numbers = new();
    private readonly Dictionary<WatchedObject, ulong> _lost = [];
    private readonly Dictionary<WatchedObject, ulong> _crowded = [];
    private DateTimeOffset _lastForget;
    private TimeSpan _lag;

    /// <summary>Hosts in memory.</summary>
    public int Hosts { get; private set; }

    /// <summary>Telemetry is there, whatever it says.</summary>
    public void Hear(DateTimeOffset now) => presence.Hear(now);

    public void Judge(TrafficWindowBatch batch, ActivityContext trace, DateTimeOffset now)
    {
        presence.Hear(now);
        if (!Guid.TryParse(batch.ObjectId, out var id) || find(id) is not { IsRetired: false } watched)
        {
            Telemetry.Ignored("object-unknown", batch.Windows.Count); // not in the directory yet, or not any more
            return;
        }

        lock (_gate)
        {
            if (_numbers.Next(batch.Source, id, batch.Sequence, now) is not { } lost)
            {
                Telemetry.Ignored("batch-twice", batch.Windows.Count);
                return;
            }

            Lose(watched, lost);
            var arrived = DateTimeOffset.UnixEpoch.AddMicroseconds(batch.FirstArrivalUnixUs);
            _lag = now - arrived is var lag && batch.FirstArrivalUnixUs > 0 && lag > _lag ? lag : _lag;
            var origin = new Origin(trace, arrived);
            Judge(watched, TrafficDirection.In, batch.Windows, batch.Sketches.Where(sketch => !sketch.Outgoing), origin, now);
            if (batch.Outgoing.Count > 0 && watched.WatchesOutgoing())
            {
                Judge(watched, TrafficDirection.Out, batch.Outgoing, batch.Sketches.Where(sketch => sketch.Outgoing), origin, now);
            }
        }
    }

    private void Judge(
        WatchedObject watched,
        TrafficDirection direction,
        RepeatedField<HostWindow> received,
        IEnumerable<TrafficSketch> sketches,
        Origin origin,
        DateTimeOffset now)
    {
        if (!_watches.TryGetValue((watched.ObjectId, direction), out var on))
        {
            var baseline = direction is TrafficDirection.In ? remember?.Invoke(watched) : null; // of what they send nothing is learned
            on = new ObjectWatch(watched, direction, baseline ?? new ObjectBaseline(watched.Hours), windows.LatenessSeconds, anomalies.LowShare);
            _watches.Add((watched.ObjectId, direction), on);
        }

        on.Sight(received);
        on.Follow(watched, now.ToUnixTimeSeconds(), anomalies.LowShare);
        foreach (var sketch in sketches)
        {
            Note(on, sketch);
        }

        foreach (var window in received)
        {
            Judge(on, window, origin, now);
        }

        Telemetry.Judged(received.Count);
    }

    /// <summary>Ends what was seen to be quiet long enough, or was not seen for too long; forgets hosts that are idle. To be called several times a second.</summary>
    public void Tick(DateTimeOffset now)
    {
        lock (_gate)
        {
            foreach (var (target, on) in _open)
            {
                var episode = target.Episode!;
                if (!episode.IsDeciding && OverFor(now - episode.LastHigh, presence.At(now) - episode.PresentAtHigh, episode.QuietFor(anomalies)) is { } reason)
                {
                    End(on, target, episode, reason, now);
                }
            }

            if (now - _lastForget >= ForgetInterval)
            {
                _lastForget = now;
                Forget(now);
            }
        }
    }

    /// <summary>Why an anomaly that was last high so long ago is over; null when it is not.</summary>
    private EndReason? OverFor(TimeSpan since, TimeSpan seen, TimeSpan quietFor) =>
        seen >= quietFor ? EndReason.Subsided : since - seen >= anomalies.MissingFor ? EndReason.TelemetryMissing : null;

    /// <summary>What was learned of each object that this process judges.</summary>
    public IReadOnlyList<(WatchedObject Object, byte[] Snapshot)> Baselines()
    {
        lock (_gate)
        {
            return [.. _watches.Values.Where(on => on.Direction is TrafficDirection.In).Select(on => (on.Object, on.Baseline.Snapshot()))];
        }
    }

    /// <summary>Since it was asked the last time: increments that were not judged for their hosts, because an object has too many.</summary>
    public IReadOnlyList<(WatchedObject Object, ulong Windows)> Crowded()
    {
        lock (_gate)
        {
            (WatchedObject, ulong)[] crowded = [.. _crowded.Select(one => (one.Key, one.Value))];
            _crowded.Clear();
            return crowded;
        }
    }

    /// <summary>Since it was asked the last time: how old the oldest datagram of a batch was, and which objects lost batches.</summary>
    public (TimeSpan Lag, IReadOnlyList<(WatchedObject Object, ulong Batches)> Lost) Health()
    {
        lock (_gate)
        {
            var health = (_lag, (IReadOnlyList<(WatchedObject, ulong)>)[.. _lost.Select(lost => (lost.Key, lost.Value))]);
            _lag = TimeSpan.Zero;
            _lost.Clear();
            return health;
        }
    }

    /// <summary>Minutes of each object that are not saved yet.</summary>
    public IReadOnlyList<(WatchedObject Object, IReadOnlyList<HistoryChunk> Chunks)> Histories()
    {
        lock (_gate)
        {
            return
            [
                .. _watches.Values.Where(on => on.Direction is TrafficDirection.In).Select(on => (on.Object, Chunks: on.History.Take()))
                    .Where(history => history.Chunks.Count > 0),
            ];
        }
    }

    /// <summary>Signs of life of the anomalies that this process judges.</summary>
    public IReadOnlyList<Pulse> Pulses()
    {
        lock (_gate)
        {
            return
            [
                .. from target in _open.Keys
                   let episode = target.Episode
                   select new Pulse(
                       episode.State.Open!.AnomalyId,
                       episode.LastHigh.ToUnixTimeMilliseconds(),
                       Until(episode),
                       episode.Peak.Bits,
                       episode.Peak.Packets,
                       episode.QuietFor(anomalies)),
            ];
        }
    }

    /// <summary>Takes over what the target's stream says after a finding was recorded.</summary>
    public void Adopt(Finding finding, AnomalyState state)
    {
        lock (_gate)
        {
            if (_watches.GetValueOrDefault((finding.On.Object.ObjectId, finding.On.Direction)) == finding.On)
            {
                Take(finding.On, finding.Watch, state, isDeciding: false); // else it was forgotten meanwhile
            }
        }
    }

    /// <summary>These anomalies were ended by somebody else: if their traffic goes on, it is a new anomaly.</summary>
    public void Forsake(IReadOnlySet<Guid> anomalyIds)
    {
        lock (_gate)
        {
            foreach (var (target, on) in _open.ToArray())
            {
                if (!target.Episode!.IsDeciding && anomalyIds.Contains(target.Episode.State.Open!.AnomalyId))
                {
                    Take(on, target, AnomalyState.Quiet, isDeciding: false);
                }
            }
        }
    }

    /// <summary>Forgets everything: another process may be reading the partition now.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _watches.Clear();
            _open.Clear();
            _numbers.Forget(before: DateTimeOffset.MaxValue); // what comes again was forgotten too, and what does not come may be read elsewhere
            Hosts = 0;
        }
    }

    private void Judge(ObjectWatch on, HostWindow window, Origin origin, DateTimeOffset now)
    {
        if (NetworkKey.Read(window.Host.Span) is not { } address)
        {
            Telemetry.Ignored("host-malformed", 1);
            return;
        }

        var host = Find(on, address);
        var block = host?.Block ?? on.Block(address, windows.MaxHostsPerPartition - Hosts);
        var (second, increment) = (window.Second, window.ReadTraffic());
        var (whole, together, isLate) = (increment, default(SecondTraffic), false);
        if (host is not null)
        {
            host.LastArrival = now;
            whole = host.Add(second, increment, windows.LatenessSeconds, on.Rules(WatchLevel.Host), out isLate);
            Consider(on, host, second, whole, increment, origin, now);
        }
        else
        {
            Telemetry.Ignored("too-many-hosts", 1); // as a host; what is judged together has it all
            _crowded[on.Object] = _crowded.GetValueOrDefault(on.Object) + 1;
        }

        if (isLate)
        {
            Telemetry.Late();
            return;
        }

        if (block is not null && host?.IsCovered != true)
        {
            block.LastArrival = now;
            together = block.Add(second, increment, windows.LatenessSeconds, on.Rules(WatchLevel.Prefix), out _);
            Consider(on, block, second, together, increment, origin, now);
        }

        if (block?.IsCovered != true && host?.IsCovered != true)
        {
            var all = on.Whole.Add(second, increment, windows.LatenessSeconds, on.Rules(WatchLevel.Object), out _);
            Consider(on, on.Whole, second, all, default, origin, now);
        }

        if (on.Direction is TrafficDirection.In)
        {
            on.Note(second, increment, whole, together, presence.Since);
            if (on.Use.Add(on.Object, second, increment.Total.Bits, on.Open.Count > 0, now) is { } use)
            {
                used?.Invoke(use);
            }
        }
    }

    private void Lose(WatchedObject watched, ulong batches)
    {
        if (batches > 0)
        {
            Telemetry.Lost(batches);
            _lost[watched] = _lost.GetValueOrDefault(watched) + batches;
        }
    }

    /// <summary>
    /// A host of an object; null when there are too many. No object has more than there are places left, so that one whose every address is attacked leaves
    /// some for others.
    /// </summary>
    private TargetWatch? Find(ObjectWatch on, NetworkKey address)
    {
        var known = on.Hosts.Count;
        var host = on.Host(address, windows.MaxHostsPerPartition - Hosts);
        Hosts += on.Hosts.Count - known;
        return host;
    }

    private void Note(ObjectWatch on, TrafficSketch sketch)
    {
        if (sketch.Host.IsEmpty)
        {
            on.Whole.Note(sketch);
        }
        else if (NetworkKey.Read(sketch.Host.Span) is { } address)
        {
            Find(on, address)?.Note(sketch);
        }
    }

    private void Consider(
        ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, in SecondTraffic notTogether, Origin origin, DateTimeOffset now)
    {
        var rules = on.Rules(target.Level);
        var episode = target.Episode;
        if (episode?.IsCovering != true && !rules.CouldMatter(whole.Total))
        {
            return;
        }

        if (!rules.IsNear(whole, target) && episode?.Hold?.IsHigh(whole, second) != true)
        {
            return;
        }

        episode ??= target.Episode = new Episode();
        episode.High(second, whole.Total, now, presence.At(now), anomalies.LongestPause);
        if (episode.IsDeciding || rules.Judge(whole, target) is not { IsOver: true } verdict || episode.Over(second) < anomalies.MinimumSeconds)
        {
            return;
        }

        if (episode.State.Open is not null)
        {
            Find(on, target, second, whole, verdict, target, origin, now);
            return;
        }

        var (named, rule) = Name(on, target, second, whole, verdict);
        if (named is null && target.Block is { Episode: { IsSpread: true, State.Open: not null } spread } block)
        {
            spread.High(second, block.At(second).Total, now, presence.At(now), anomalies.LongestPause);
        }

        if (named is null || named.Episode?.IsDeciding == true)
        {
            return;
        }

        if (named != target)
        {
            named.Episode ??= new Episode();
            named.Episode.High(second, named.At(second).Total, now, presence.At(now), anomalies.LongestPause);
            named.Episode.IsSpread = named.Level > target.Level;
            named.Episode.Hold = named.Episode.IsSpread ? null : HoldOf(target, rules, verdict);
        }

        named.Episode!.Begin(now, anomalies);
        var theirs = named == target ? whole : named.At(second);
        theirs = theirs.Total.Packets > 0 ? theirs : named.At(second - 1); // this second's may be still to come
        theirs = theirs.Total.Packets > 0 ? theirs : whole;
        Find(on, named, second, theirs, verdict with { Rule = rule }, target, origin, now);
        if (named.IsCovered)
        {
            Separate(on, named, second, named == target ? notTogether : default);
        }
    }

    /// <summary>
    /// Whom to name for traffic that is over at this level: the host or block that has most of it, or the target as it stands when none has. Null:
    /// it is part of a wider anomaly that is open.
    /// </summary>
    private static (TargetWatch? Named, string Rule) Name(
        ObjectWatch on, TargetWatch target, long second, in SecondTraffic whole, Verdict verdict)
    {
        if (target.Level is WatchLevel.Host)
        {
            var block = target.Block!;
            if (block.IsCovered || on.Whole.IsCovered)
            {
                var together = (block.IsCovered ? block : on.Whole).Lately(second)[TrafficVector.Total];
                var standsOut = block.CoveredHosts < SpreadHosts && whole.Total.Packets * 2 >= together.Packets;
                return standsOut ? (target, verdict.Rule) : (null, "");
            }

            return block.CoveredHosts >= SpreadHosts && on.Object.Holds(block.Target) ? (block, "spread") : (target, verdict.Rule);
        }

        var first = verdict.Over[0];
        var unit = first.UnitOver();
        var since = second - 2; // a share of one second may be few sampled packets
        var beyond = target.Lately(since)[first.Vector][unit] - (Usual(first, unit) * 3);
        TargetWatch? most = null;
        var mostAmount = 0L;
        foreach (var part in target.Level is WatchLevel.Object ? on.Blocks.Values.Concat(on.Hosts.Values) : on.Hosts.Values)
        {
            if (!part.IsCovered && (target.Level is WatchLevel.Object || part.Block == target) && part.Block?.IsCovered != true
                && on.Object.Holds(part.Target))
            {
                var amount = part.Lately(since)[first.Vector][unit];
                if (amount > mostAmount || (amount == mostAmount && part.Level is WatchLevel.Host))
                {
                    (most, mostAmount) = (part, amount);
                }
            }
        }

        if (target.Level is WatchLevel.Object && most?.Level is WatchLevel.Prefix)
        {
            // A block has always at least what its busiest host has: the host is named when it has nearly all of it.
            var host = on.Hosts.Values.Where(part => part.Block == most && !part.IsCovered)
                .MaxBy(part => part.Lately(since)[first.Vector][unit]);
            if (host is not null && host.Lately(since)[first.Vector][unit] >= Dominance * beyond)
            {
                return (host, verdict.Rule);
            }
        }

        if (target != on.Whole && !on.Object.Holds(target.Target))
        {
            return (most, verdict.Rule); // a block of single addresses is nobody's prefix: it is the busiest of them
        }

        return most is not null && mostAmount >= Dominance * beyond ? (most, verdict.Rule) : (target, verdict.Rule);
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
        var subject = episode.State.Open
            ?? new AnomalySubject(
                Guid.CreateVersion7(now), watched.ObjectId, watched.ServiceCode, on.NetworksOf(target, second)[0], target.Level, on.Direction);
        var command = new JudgeSecond(
            subject, DateTimeOffset.FromUnixTimeSeconds(second), whole.Total, verdict.Over, episode.Pulses, Explanation: null, now);
        if (AnomalyDecider.Decide(episode.State, command) is Decision<AnomalyEvent>.Accepted { Events.Count: > 0 })
        {
            var rules = on.Rules(target.Level);
            command = command with
            {
                Explanation = Explainer.Explain(
                    subject,
                    verdict.Rule,
                    verdict.Over,
                    Surge.Excess(target.Surge, whole, rules.Learned, out _),
                    rules.Learned.Typical,
                    target.Level is WatchLevel.Host ? target.Evidence : on.Whole.Evidence,
                    judged == target ? on.NetworksOf(target, second) : [judged == on.Whole ? subject.Target : judged.Target.ToNetwork()]),
            };
            Take(on, target, episode.State, isDeciding: true);
            found(new Finding(
                this,
                on,
                target,
                subject.Target,
                state => AnomalyDecider.Decide(state, command),
                EndOf: null,
                origin,
                Guid.CreateVersion7(now)));
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
            episode.Pulses);
        episode.IsDeciding = true;
        found(new Finding(
            this,
            on,
            target,
            episode.State.Open.Target,
            state => AnomalyDecider.Decide(state, command),
            EndOf: (command.AnomalyId, episode.LastHigh.ToUnixTimeMilliseconds()),
            new Origin(default, null),
            Guid.CreateVersion7(now)));
    }

    /// <summary>What has an anomaly of its own is taken out of what is judged together.</summary>
    private static void Separate(ObjectWatch on, TargetWatch named, long second, in SecondTraffic notAdded)
    {
        named.ForgetSurge();
        if (named.Block is { } block)
        {
            block.Remove(named, second, notAdded);
        }

        if (named.Level is not WatchLevel.Object && named.Block?.IsCovered != true)
        {
            on.Whole.Remove(named, second, notAdded);
        }
    }

    private void Take(ObjectWatch on, TargetWatch target, AnomalyState state, bool isDeciding)
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

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, on) in _watches)
        {
            if (presence.Since < now.AddMinutes(-1) && on.Use.End(on.Object, now.AddSeconds(-windows.LatenessSeconds).ToUnixTimeSeconds() / 60, now) is { } use)
            {
                used?.Invoke(use); // nothing came, and telemetry is there
            }

            foreach (var (address, host) in on.Hosts)
            {
                if (now - host.LastArrival > windows.ForgetAfter && IsForgotten(host, now))
                {
                    on.Hosts.Remove(address); // allowed while enumerating since .NET Core 3
                    Hosts--;
                }
                else if (host.Block is { } block && now - block.LastArrival > windows.ForgetAfter)
                {
                    block.LastArrival = now; // a block stays with its hosts
                }
            }

            foreach (var (network, block) in on.Blocks)
            {
                if (now - block.LastArrival > windows.ForgetAfter && IsForgotten(block, now))
                {
                    on.Blocks.Remove(network);
                }
            }

            if (on.Hosts.Count == 0 && on.Open.Count == 0 && find(key.Object) is null or { IsRetired: true })
            {
                _watches.Remove(key);
            }
        }

        _numbers.Forget(before: now - windows.ForgetAfter);
    }

    private bool IsForgotten(TargetWatch target, DateTimeOffset now) =>
        target.Episode is not { } episode || (!episode.IsCovering && now - episode.LastHigh > anomalies.LongestPause);

    /// <summary>What the wider level may have for as long as it likes.</summary>
    private static Hold HoldOf(TargetWatch wide, LevelRules rules, Verdict verdict)
    {
        var over = verdict.Over[0];
        var unit = over.UnitOver();
        var set = (unit is TrafficUnit.Bits ? over.ThresholdBitsPerSecond
            : unit is TrafficUnit.Packets ? over.ThresholdPacketsPerSecond : over.ThresholdFlowsPerSecond) ?? 0;
        var learned = rules.Learned.Thresholds.FirstOrDefault(threshold => threshold.Vector == over.Vector && threshold.Unit == unit);
        return new(wide, over.Vector, unit, learned is null ? set : Math.Min(set, (long)learned.Rate));
    }

    private static long Usual(VectorMeasurement over, TrafficUnit unit) =>
        (unit is TrafficUnit.Bits ? over.BaselineBitsPerSecond : unit is TrafficUnit.Packets ? over.BaselinePacketsPerSecond : null) ?? 0;

    private static DateTimeOffset Until(Episode episode) => DateTimeOffset.FromUnixTimeSeconds(episode.LastHighSecond + 1);
}
