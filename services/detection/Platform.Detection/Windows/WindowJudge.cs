using System.Diagnostics;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Judges the windows of one partition as they come: adds increments up per object, host and second, and lets the decider say whether an anomaly
/// opens, changes or ends. It appends nothing itself: what it finds goes to <see cref="FindingRecorder"/>.
/// </summary>
/// <remarks>
/// Memory only, and any of it may be lost: a process that begins anew learns from the target's stream that an anomaly is open as soon as it would
/// open one. Every member may be called from any thread.
/// </remarks>
/// <param name="find">The object with this id; null when nothing is known of it.</param>
/// <param name="windows">Bounds.</param>
/// <param name="anomalies">When an anomaly is over.</param>
/// <param name="found">Takes what was found; must not block.</param>
internal sealed class WindowJudge(
    Func<Guid, WatchedObject?> find, WindowOptions windows, AnomalyOptions anomalies, Action<Finding> found)
{
    private static readonly TimeSpan ForgetInterval = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Dictionary<HostAddress, HostWatch>> _watches = [];
    private readonly Dictionary<HostWatch, (WatchedObject Object, HostAddress Host)> _open = [];
    private readonly BatchNumbers _numbers = new();
    private DateTimeOffset _lastForget;

    /// <summary>Hosts in memory.</summary>
    public int Hosts { get; private set; }

    public void Judge(TrafficWindowBatch batch, ActivityContext trace, DateTimeOffset now)
    {
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

            Telemetry.Lost(lost);
            if (!_watches.TryGetValue(id, out var hosts))
            {
                _watches.Add(id, hosts = []);
            }

            var arrival = DateTimeOffset.UnixEpoch.AddMicroseconds(batch.FirstArrivalUnixUs);
            foreach (var window in batch.Windows)
            {
                Judge(watched, hosts, window, new Origin(trace, arrival), now);
            }
        }

        Telemetry.Judged(batch.Windows.Count);
    }

    /// <summary>Ends what has been quiet long enough, forgets hosts that are idle. To be called several times a second.</summary>
    public void Tick(DateTimeOffset now)
    {
        lock (_gate)
        {
            foreach (var (watch, (watched, host)) in _open)
            {
                if (!watch.IsDeciding && now - watch.LastHigh >= anomalies.QuietFor)
                {
                    End(watched, host, watch, now);
                }
            }

            if (now - _lastForget >= ForgetInterval)
            {
                _lastForget = now;
                Forget(now);
            }
        }
    }

    /// <summary>Signs of life of the anomalies that this process judges.</summary>
    public IReadOnlyList<Pulse> Pulses()
    {
        lock (_gate)
        {
            return
            [
                .. from watch in _open.Keys
                   select new Pulse(
                       watch.State.Open!.AnomalyId,
                       watch.LastHigh.ToUnixTimeMilliseconds(),
                       Until(watch),
                       watch.Peak.Bits,
                       watch.Peak.Packets),
            ];
        }
    }

    /// <summary>Takes over what the target's stream says after a finding was recorded.</summary>
    public void Adopt(Finding finding, AnomalyState state)
    {
        lock (_gate)
        {
            finding.Watch.IsDeciding = false;
            Take(finding.Object, finding.Host, finding.Watch, state);
        }
    }

    /// <summary>These anomalies were ended by somebody else: if their traffic goes on, it is a new anomaly.</summary>
    public void Forsake(IReadOnlySet<Guid> anomalyIds)
    {
        lock (_gate)
        {
            foreach (var (watch, (watched, host)) in _open.ToArray())
            {
                if (!watch.IsDeciding && anomalyIds.Contains(watch.State.Open!.AnomalyId))
                {
                    Take(watched, host, watch, AnomalyState.Quiet);
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
            Hosts = 0;
        }
    }

    private void Judge(
        WatchedObject watched, Dictionary<HostAddress, HostWatch> hosts, HostWindow window, Origin origin, DateTimeOffset now)
    {
        if (HostAddress.Read(window.Host.Span) is not { } host)
        {
            Telemetry.Ignored("host-malformed", 1);
            return;
        }

        if (!hosts.TryGetValue(host, out var watch))
        {
            if (Hosts >= windows.MaxHostsPerPartition)
            {
                Telemetry.Ignored("too-many-hosts", 1);
                return;
            }

            hosts.Add(host, watch = new HostWatch());
            Hosts++;
        }

        watch.LastArrival = now;
        var (whole, isLate) = watch.Add(window.Second, Read(window), windows.LatenessSeconds);
        if (isLate)
        {
            Telemetry.Late();
        }

        if (!whole.Exceeds(watched.Thresholds, anomalies.LowShare))
        {
            return;
        }

        watch.LastHigh = now;
        watch.LastHighSecond = Math.Max(watch.LastHighSecond, window.Second);
        watch.Peak = watch.State.Open is null && !watch.IsDeciding
            ? whole.Total // what was near the threshold before an anomaly is not its peak
            : new Amount(Math.Max(watch.Peak.Bits, whole.Total.Bits), Math.Max(watch.Peak.Packets, whole.Total.Packets));
        if (!watch.IsDeciding && whole.Exceeds(watched.Thresholds))
        {
            JudgeSecond(watched, host, watch, window.Second, whole, origin, now);
        }
    }

    private void JudgeSecond(
        WatchedObject watched,
        HostAddress host,
        HostWatch watch,
        long second,
        SecondTraffic whole,
        Origin origin,
        DateTimeOffset now)
    {
        var subject = watch.State.Open
            ?? new AnomalySubject(Guid.CreateVersion7(now), watched.ObjectId, watched.ServiceCode, host.ToNetwork());
        var command = new JudgeSecond(subject, DateTimeOffset.FromUnixTimeSeconds(second), whole, watched.Thresholds, now);
        if (AnomalyDecider.Decide(watch.State, command) is Decision<AnomalyEvent>.Accepted { Events.Count: > 0 })
        {
            watch.IsDeciding = true;
            found(new Finding(
                this, watched, host, watch, state => AnomalyDecider.Decide(state, command), EndOf: null, origin, Guid.CreateVersion7(now)));
        }
    }

    private void End(WatchedObject watched, HostAddress host, HostWatch watch, DateTimeOffset now)
    {
        var command = new EndAnomaly(
            watch.State.Open!.AnomalyId,
            EndReason.Subsided,
            watch.LastHigh,
            anomalies.QuietFor,
            watch.Peak.Bits,
            watch.Peak.Packets,
            Until(watch),
            now);
        watch.IsDeciding = true;
        found(new Finding(
            this,
            watched,
            host,
            watch,
            state => AnomalyDecider.Decide(state, command),
            EndOf: (command.AnomalyId, watch.LastHigh.ToUnixTimeMilliseconds()),
            new Origin(default, null),
            Guid.CreateVersion7(now)));
    }

    private void Take(WatchedObject watched, HostAddress host, HostWatch watch, AnomalyState state)
    {
        watch.State = state;
        if (state.Open is null)
        {
            _open.Remove(watch);
        }
        else
        {
            _open[watch] = (watched, host);
        }
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (id, hosts) in _watches)
        {
            foreach (var (host, watch) in hosts)
            {
                if (watch.State.Open is null && !watch.IsDeciding && now - watch.LastArrival > windows.ForgetAfter)
                {
                    hosts.Remove(host); // allowed while enumerating since .NET Core 3
                    Hosts--;
                }
            }

            if (hosts.Count == 0)
            {
                _watches.Remove(id);
            }
        }

        _numbers.Forget(before: now - windows.ForgetAfter);
    }

    private static DateTimeOffset Until(HostWatch watch) => DateTimeOffset.FromUnixTimeSeconds(watch.LastHighSecond + 1);

    private static SecondTraffic Read(HostWindow window)
    {
        var (udp, icmp, tcpSyn) = (default(Amount), default(Amount), default(Amount));
        foreach (var vector in window.Vectors)
        {
            switch (vector.Vector)
            {
                case Vector.Udp:
                    udp += Read(vector.Counters);
                    break;
                case Vector.Icmp:
                    icmp += Read(vector.Counters);
                    break;
                case Vector.TcpSyn:
                    tcpSyn += Read(vector.Counters);
                    break;
            }
        }

        return new SecondTraffic(Read(window.Total), udp, icmp, tcpSyn);
    }

    private static Amount Read(Counters? counters) => counters is null
        ? default
        : new((long)Math.Min(counters.Bytes, long.MaxValue / 8) * 8, (long)Math.Min(counters.Packets, long.MaxValue));
}
