using System.Diagnostics;
using Google.Protobuf.Collections;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// Judges the windows of one partition as they come: adds increments up per second for each host, its block and the object, and shows each to
/// <see cref="AnomalyFinder"/>, to learning and to the measuring of declared bandwidth.
/// </summary>
/// <remarks>
/// A host with an anomaly of its own is no part of its block and object any more; what is left there is judged together, and finds the attack that is
/// spread so that no host stands out. Memory only, and any of it may be lost: a process that begins is told what is open, and what it was not told it learns
/// from the target's stream as soon as it would open an anomaly. Every member may be called from any thread.
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
    private const int MostAhead = 2; // seconds; ingestion's clocks are synchronised
    private static readonly TimeSpan ForgetInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Object, TrafficDirection Direction), ObjectWatch> _watches = [];
    private readonly BatchNumbers _numbers = new();
    private readonly Dictionary<(Guid Object, TrafficDirection Direction), List<OpenAnomaly>> _open = []; // of objects that nothing came of yet
    private readonly Dictionary<WatchedObject, ulong> _lost = [];
    private readonly Dictionary<WatchedObject, ulong> _crowded = [];
    private DateTimeOffset _lastForget;
    private TimeSpan _lag;

    private AnomalyFinder Finder => field ??= new(this, Ongoing, anomalies, found, presence);

    private OngoingAnomalies Ongoing => field ??= new(this, anomalies, found, presence);

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
            if (batch.Outgoing.Count > 0 && _watches.TryGetValue((id, TrafficDirection.In), out var own))
            {
                Sent(own, batch.Outgoing, now);
            }

            Judge(watched, TrafficDirection.In, batch.SamplingRate, batch.Windows, batch.Sketches.Where(sketch => !sketch.Outgoing), origin, now);
            if (batch.Outgoing.Count > 0 && watched.WatchesOutgoing())
            {
                Judge(watched, TrafficDirection.Out, batch.SamplingRate, batch.Outgoing, batch.Sketches.Where(sketch => sketch.Outgoing), origin, now);
            }
        }
    }

    private void Judge(
        WatchedObject watched,
        TrafficDirection direction,
        uint rate,
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
            Resume(on, now);
        }

        on.Batches++;
        on.Sample(rate, now.ToUnixTimeSeconds());
        on.Follow(watched, now.ToUnixTimeSeconds(), anomalies.LowShare);
        foreach (var sketch in sketches)
        {
            Note(on, sketch);
        }

        foreach (var window in received)
        {
            Judge(on, window, origin, now);
        }

        Finder.Open(on, origin, now);
        Telemetry.Judged(received.Count);
    }

    /// <summary>What hosts send in long TCP packets is acknowledged: so many short ones towards them are no flood.</summary>
    private static void Sent(ObjectWatch own, RepeatedField<HostWindow> outgoing, DateTimeOffset now)
    {
        foreach (var window in outgoing)
        {
            if (TrafficShape.LongTcp(window) is > 0 and var packets && NetworkKey.Read(window.Host.Span) is { } address)
            {
                var second = SecondOf(window, now);
                own.Hosts.GetValueOrDefault(address)?.Send(second, packets);
                own.Blocks.GetValueOrDefault(own.Object.BlockOf(address))?.Send(second, packets);
                own.Whole.Send(second, packets);
            }
        }
    }

    /// <summary>These are open as other processes judged them until now; those of our objects go on here as soon as something comes of the object.</summary>
    public void Resume(IEnumerable<OpenAnomaly> open)
    {
        lock (_gate)
        {
            foreach (var of in open.GroupBy(one => (one.Subject.ObjectId, one.Subject.Direction)))
            {
                _open[of.Key] = [.. of];
            }
        }
    }

    private void Resume(ObjectWatch on, DateTimeOffset now)
    {
        if (!_open.Remove((on.Object.ObjectId, on.Direction), out var open))
        {
            return;
        }

        foreach (var anomaly in open)
        {
            var key = NetworkKey.Of(anomaly.Subject.Target);
            var target = anomaly.Subject.Level switch
            {
                WatchLevel.Object => on.Whole,
                WatchLevel.Prefix => on.Block(key with { Length = 128 }, windows.MaxHostsPerPartition - Hosts), // of any of its hosts
                _ => Find(on, key),
            };
            if (target is not null && (target == on.Whole || target.Target == key)) // else the object was grouped anew
            {
                Ongoing.Resume(on, target, anomaly, now);
            }
        }
    }

    /// <summary>Ends what was seen to be quiet long enough, or was not seen for too long; forgets hosts that are idle. To be called several times a second.</summary>
    public void Tick(DateTimeOffset now)
    {
        lock (_gate)
        {
            Ongoing.EndWhatIsOver(now);
            if (now - _lastForget >= ForgetInterval)
            {
                _lastForget = now;
                Forget(now);
            }
        }
    }

    /// <summary>What was learned of each object that this process judges. Made one by one: judging waits for no more than one.</summary>
    public IEnumerable<(WatchedObject Object, byte[] Snapshot)> Baselines() => Each(on => (on.Object, on.Baseline.Snapshot()));

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

    /// <summary>Minutes of each object that are not saved yet, one by one.</summary>
    public IEnumerable<(WatchedObject Object, IReadOnlyList<HistoryChunk> Chunks)> Histories() =>
        Each(on => (on.Object, Chunks: on.History.Unsaved())).Where(history => history.Chunks.Count > 0);

    /// <summary>These minutes of an object need not be given again.</summary>
    public void HistorySaved(Guid objectId, IReadOnlyList<HistoryChunk> chunks)
    {
        lock (_gate)
        {
            _watches.GetValueOrDefault((objectId, TrafficDirection.In))?.History.Saved(chunks);
        }
    }

    private IEnumerable<T> Each<T>(Func<ObjectWatch, T> read)
    {
        ObjectWatch[] all;
        lock (_gate)
        {
            all = [.. _watches.Values.Where(on => on.Direction is TrafficDirection.In)];
        }

        foreach (var on in all)
        {
            T one;
            lock (_gate)
            {
                one = read(on);
            }

            yield return one;
        }
    }

    /// <summary>Signs of life of the anomalies that this process judges.</summary>
    public IReadOnlyList<Pulse> Pulses()
    {
        lock (_gate)
        {
            return Ongoing.Pulses();
        }
    }

    /// <summary>Takes over what the target's stream says after a finding was recorded.</summary>
    public void Adopt(Finding finding, AnomalyState state)
    {
        lock (_gate)
        {
            if (_watches.GetValueOrDefault((finding.On.Object.ObjectId, finding.On.Direction)) == finding.On)
            {
                Ongoing.Take(finding.On, finding.Watch, state, isDeciding: false); // else it was forgotten meanwhile
            }
        }
    }

    /// <summary>These anomalies were ended by somebody else: if their traffic goes on, it is a new anomaly.</summary>
    public void Forsake(IReadOnlySet<Guid> anomalyIds)
    {
        lock (_gate)
        {
            Ongoing.Forsake(anomalyIds);
        }
    }

    /// <summary>Forgets everything: another process may be reading the partition now.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _watches.Clear();
            _open.Clear();
            Finder.Clear();
            Ongoing.Clear();
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
        var (second, increment) = (SecondOf(window, now), window.ReadTraffic());
        var (whole, together, isLate) = (increment, default(SecondTraffic), false);
        var wasCovered = IsCovered(on, host, block); // what opens an anomaly is taken out with the rest of it
        on.Lag.Observe(second, increment.Total.Packets);
        increment.Served = host?.ServedOf(increment.Total, on.Batches) ?? on.ServedOfOthers(increment.Total);
        if (host is not null)
        {
            whole = Add(on, host, second, increment, origin, now, out isLate);
            block!.Had(host, second, whole.Total);
        }
        else
        {
            Telemetry.Ignored("too-many-hosts", 1); // as a host; what is judged together has it all
            _crowded[on.Object] = _crowded.GetValueOrDefault(on.Object) + 1;
        }

        if (isLate)
        {
            Measure(on, wasCovered, second, increment, now);
            Telemetry.Late();
            return;
        }

        if (block is not null && host?.IsCovered != true)
        {
            together = Add(on, block, second, increment, origin, now, out _);
            block.Surge?.Reach(host, second, increment.Total);
        }

        if (block?.IsCovered != true && host?.IsCovered != true)
        {
            Add(on, on.Whole, second, increment, origin, now, out _);
            on.Whole.Surge?.Reach(host, second, increment.Total);
        }

        Measure(on, wasCovered, second, increment, now);
        if (on.Direction is TrafficDirection.In)
        {
            on.Seconds.Note(second, increment, whole, together, wasCovered, presence.Since(now), presence.Gone);
        }
    }

    /// <summary>Adds to a target's second, and lets the finder know; what the second has by now comes back.</summary>
    private SecondTraffic Add(
        ObjectWatch on, TargetWatch target, long second, in SecondTraffic increment, Origin origin, DateTimeOffset now, out bool isLate)
    {
        target.LastArrival = now;
        if (second > target.Newest)
        {
            Finder.Judge(on, target, origin, now);
        }

        var all = target.Add(second, increment, windows.LatenessSeconds, on.Lag.Seconds, on.Rules(target), out isLate);
        Finder.Consider(on, target, second, all, isLate && target.Level is WatchLevel.Host, origin, now);
        return all;
    }

    /// <summary>
    /// A clock that is ahead would make all others' seconds late, for as long as it takes until they are there too: what comes from so late is of now.
    /// </summary>
    private static long SecondOf(HostWindow window, DateTimeOffset now)
    {
        var present = now.ToUnixTimeSeconds();
        if (window.Second <= present + MostAhead)
        {
            return window.Second;
        }

        Telemetry.Ahead();
        return present;
    }

    /// <summary>What belongs to an anomaly is no use of what is declared, but the rest of the object goes on.</summary>
    private void Measure(ObjectWatch on, bool isCovered, long second, in SecondTraffic increment, DateTimeOffset now)
    {
        if (on.Direction is TrafficDirection.In
            && on.Use.Add(on.Object, second, isCovered ? 0 : increment.Total.Bits, on.Whole.IsCovered, presence.Since(now), now) is { } use)
        {
            used?.Invoke(use);
        }
    }

    private static bool IsCovered(ObjectWatch on, TargetWatch? host, TargetWatch? block) =>
        host?.IsCovered == true || block?.IsCovered == true || on.Whole.IsCovered;

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
        on.NoteServed(sketch);
        if (sketch.Host.IsEmpty)
        {
            on.Whole.Note(sketch, on.Batches);
        }
        else if (NetworkKey.Read(sketch.Host.Span) is { } address && Find(on, address) is { } host)
        {
            host.Note(sketch, on.Batches);
            host.Block!.Note(sketch, on.Batches); // who sends to a block is known of its hosts
        }
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, on) in _watches)
        {
            if (on.Direction is TrafficDirection.In
                && on.Use.End(on.Object, now.AddSeconds(-windows.LatenessSeconds).ToUnixTimeSeconds() / 60, presence.Since(now), now) is { } use)
            {
                used?.Invoke(use); // nothing came, and telemetry is there
            }

            var left = new HashSet<TargetWatch>();
            foreach (var (address, host) in on.Hosts)
            {
                if (now - host.LastArrival > windows.ForgetAfter && Ongoing.IsDone(host, now))
                {
                    on.Hosts.Remove(address); // allowed while enumerating since .NET Core 3
                    left.Add(host.Block!);
                    Hosts--;
                }
                else if (host.Block is { } block && now - block.LastArrival > windows.ForgetAfter)
                {
                    block.LastArrival = now; // a block stays with its hosts
                }
            }

            foreach (var block in left)
            {
                block.Keep(host => on.Hosts.ContainsKey(host.Target));
            }

            foreach (var (network, block) in on.Blocks)
            {
                block.Rotation = block.IsCovered || block.Rotation?.IsOver(now.ToUnixTimeSeconds()) == false ? block.Rotation : null;
                if (now - block.LastArrival > windows.ForgetAfter && Ongoing.IsDone(block, now))
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
}
